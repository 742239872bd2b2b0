#include "server/rpc/convert_collection.h"

#include <optional>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/validation.h"

namespace simile {
namespace {

absl::StatusOr<Metric> MetricFromProto(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_UNSPECIFIED:
    case v1::METRIC_COSINE:
      return Metric::kCosine;
    case v1::METRIC_EUCLIDEAN:
      return Metric::kEuclidean;
    case v1::METRIC_DOT_PRODUCT:
      return Metric::kDotProduct;
    default:
      break;
  }
  return InvalidField("metric", fmt::format("there is no metric {}", static_cast<int>(metric)));
}

absl::StatusOr<IndexEngine> EngineFromProto(v1::IndexEngine engine) {
  switch (engine) {
    case v1::INDEX_ENGINE_UNSPECIFIED:
    case v1::INDEX_ENGINE_AUTO:
      return IndexEngine::kAuto;
    case v1::INDEX_ENGINE_FLAT:
      return IndexEngine::kFlat;
    case v1::INDEX_ENGINE_HNSWLIB:
      return IndexEngine::kHnswlib;
    default:
      break;
  }
  return InvalidField("index.engine",
                      fmt::format("there is no index engine {}", static_cast<int>(engine)));
}

absl::StatusOr<CodeFormat> CodesFromProto(v1::IndexCodes codes) {
  switch (codes) {
    case v1::INDEX_CODES_UNSPECIFIED:
    case v1::INDEX_CODES_SQ8:
      return CodeFormat::kSq8;
    case v1::INDEX_CODES_SQ4:
      return CodeFormat::kSq4;
    case v1::INDEX_CODES_FLOAT32:
      return CodeFormat::kFloat32;
    default:
      break;
  }
  return InvalidField("index.codes", fmt::format("there are no codes {}", static_cast<int>(codes)));
}

v1::IndexCodes ToProto(CodeFormat codes) {
  switch (codes) {
    case CodeFormat::kSq8:
      return v1::INDEX_CODES_SQ8;
    case CodeFormat::kSq4:
      return v1::INDEX_CODES_SQ4;
    case CodeFormat::kFloat32:
      return v1::INDEX_CODES_FLOAT32;
  }
  return v1::INDEX_CODES_UNSPECIFIED;
}

v1::IndexState ToProto(CollectionState state) {
  switch (state) {
    case CollectionState::kLoading:
      return v1::INDEX_STATE_LOADING;
    case CollectionState::kReady:
      return v1::INDEX_STATE_READY;
    case CollectionState::kFailed:
      return v1::INDEX_STATE_FAILED;
  }
  return v1::INDEX_STATE_UNSPECIFIED;
}

v1::Metric ToProto(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return v1::METRIC_COSINE;
    case Metric::kEuclidean:
      return v1::METRIC_EUCLIDEAN;
    case Metric::kDotProduct:
      return v1::METRIC_DOT_PRODUCT;
  }
  return v1::METRIC_UNSPECIFIED;
}

v1::IndexEngine ToProto(IndexEngine engine) {
  switch (engine) {
    case IndexEngine::kAuto:
      return v1::INDEX_ENGINE_AUTO;
    case IndexEngine::kFlat:
      return v1::INDEX_ENGINE_FLAT;
    case IndexEngine::kHnswlib:
      return v1::INDEX_ENGINE_HNSWLIB;
  }
  return v1::INDEX_ENGINE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<CollectionSettings> FromProto(const v1::CreateCollectionRequest& proto) {
  const absl::StatusOr<Metric> metric = MetricFromProto(proto.metric());
  if (!metric.ok()) return metric.status();
  const absl::StatusOr<IndexEngine> engine = EngineFromProto(proto.index().engine());
  if (!engine.ok()) return engine.status();
  const absl::StatusOr<CodeFormat> codes = CodesFromProto(proto.index().codes());
  if (!codes.ok()) return codes.status();
  const auto prompt = [](bool is_given, const std::string& text) {
    return is_given ? std::optional<std::string>(text) : std::nullopt;
  };
  return CollectionSettings{
      .name = proto.name(),
      .model = proto.model(),
      .dimension = proto.dimension(),
      .metric = *metric,
      .engine = *engine,
      .codes = *codes,
      .m = proto.index().m(),
      .ef_construction = proto.index().ef_construction(),
      .ef_search = proto.index().ef_search(),
      .query_prompt = prompt(proto.has_query_prompt(), proto.query_prompt()),
      .document_prompt = prompt(proto.has_document_prompt(), proto.document_prompt()),
      .filter_fields = {proto.filter_fields().begin(), proto.filter_fields().end()}};
}

absl::StatusOr<CollectionChanges> FromProto(const v1::UpdateCollectionRequest& proto) {
  CollectionChanges changes;
  if (proto.has_ef_search()) changes.ef_search = proto.ef_search();
  if (proto.has_query_prompt()) changes.query_prompt = proto.query_prompt();
  if (proto.engine() != v1::INDEX_ENGINE_UNSPECIFIED) {
    const absl::StatusOr<IndexEngine> engine = EngineFromProto(proto.engine());
    if (!engine.ok()) return engine.status();
    changes.engine = *engine;
  }
  if (proto.codes() != v1::INDEX_CODES_UNSPECIFIED) {
    const absl::StatusOr<CodeFormat> codes = CodesFromProto(proto.codes());
    if (!codes.ok()) return codes.status();
    changes.codes = *codes;
  }
  return changes;
}

absl::StatusOr<std::shared_ptr<Collection>> FindCollection(const Database& database,
                                                           const std::string& name,
                                                           const std::string& field) {
  // First, since a name of any length would be compared with every one there is.
  if (absl::Status s = CheckCollectionName(name); !s.ok()) return InvalidField(field, MessageOf(s));
  auto collection = database.Find(name);
  if (!collection.ok()) return InField(field, collection.status());
  return collection;
}

void ToProto(const CollectionDescription& description, v1::Collection& proto) {
  const CollectionRecord& record = description.record;
  proto.set_name(record.name);
  proto.set_model(record.model_name);
  proto.set_model_fingerprint(record.model_fingerprint);
  proto.set_dimension(record.dimension);
  proto.set_metric(ToProto(description.metric));
  v1::IndexSettings& index = *proto.mutable_index();
  index.set_engine(ToProto(description.engine));
  index.set_codes(ToProto(description.codes));
  index.set_m(record.index_m);
  index.set_ef_construction(record.index_ef_construction);
  index.set_ef_search(record.index_ef_search);
  proto.mutable_create_time()->set_seconds(record.created_unix_ms / 1000);
  proto.mutable_create_time()->set_nanos(static_cast<int32_t>(record.created_unix_ms % 1000) *
                                         1'000'000);
  proto.set_document_count(description.document_count);
  proto.set_state(ToProto(description.state));
  proto.set_state_reason(description.state_reason);
  proto.set_disk_bytes(description.disk_bytes);
  proto.set_memory_bytes(description.index.memory.total());
  proto.set_query_prompt(description.query_prompt);
  proto.set_document_prompt(description.document_prompt);
  proto.set_model_precision(record.model_precision);
  for (const std::string& field : record.filter_fields) proto.add_filter_fields(field);
  for (const std::string& warning : description.warnings) proto.add_warnings(warning);
  if (!description.rebuild.has_value()) return;
  v1::IndexSettings& next = *proto.mutable_rebuilding_to();
  next = index;
  next.set_engine(ToProto(description.rebuild->kind.engine));
  next.set_codes(ToProto(description.rebuild->kind.codes));
  proto.set_rebuild_progress(description.rebuild->done);
}

}  // namespace simile
