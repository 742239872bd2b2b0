// simile snapshot
#include <google/protobuf/util/time_util.h>

#include <memory>

#include "client/cli/command_context.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

Json SnapshotJson(const v1::Snapshot& snapshot, bool with_files) {
  if (!snapshot.damage().empty()) {
    return {{"name", snapshot.name()}, {"damage", snapshot.damage()}};
  }
  uint64_t documents = 0;
  Json collections = Json::array();
  for (const v1::SnapshotCollection& one : snapshot.collections()) {
    documents += one.document_count();
    collections.push_back({{"name", one.name()},
                           {"document_count", one.document_count()},
                           {"dimension", one.dimension()},
                           {"model", one.model()},
                           {"model_fingerprint", one.model_fingerprint()}});
  }
  Json json = {{"name", snapshot.name()},
               {"create_time", google::protobuf::util::TimeUtil::ToString(snapshot.create_time())},
               {"collection_count", snapshot.collections_size()},
               {"document_count", documents},
               {"bytes", snapshot.bytes()},
               {"last_sequence", snapshot.last_sequence()},
               {"format", snapshot.format()},
               {"program_version", snapshot.program_version()},
               {"collections", std::move(collections)}};
  if (!with_files) return json;
  json["files"] = Json::array();
  for (const v1::SnapshotFile& file : snapshot.files()) {
    json["files"].push_back(
        {{"path", file.path()}, {"bytes", file.bytes()}, {"sha256", file.sha256()}});
  }
  return json;
}

int Create(CommandContext& context, const std::string& name, const std::string& collection) {
  const auto snapshot = context.client(kSnapshotTimeout).CreateSnapshot(name, collection);
  if (!snapshot.ok()) return CommandContext::Fail(snapshot.status());
  CommandContext::Say(fmt::format("made snapshot '{}'", snapshot->name()));
  context.NewOutput({}, /*single=*/true).Add(SnapshotJson(*snapshot, false));
  return kExitOk;
}

int List(CommandContext& context) {
  const auto snapshots = context.client().ListSnapshots();
  if (!snapshots.ok()) return CommandContext::Fail(snapshots.status());
  Output output = context.NewOutput(
      {"name", "create_time", "collection_count", "document_count", "bytes", "damage"});
  for (const v1::Snapshot& snapshot : snapshots->snapshots()) {
    output.Add(SnapshotJson(snapshot, false));
  }
  for (const v1::SnapshotUpload& upload : snapshots->uploads()) {
    CommandContext::Say(fmt::format("the upload of '{}' is not finished: {} of {} bytes are there",
                                    upload.name(), upload.bytes_held(), upload.bytes()));
  }
  return kExitOk;
}

int Show(CommandContext& context, const std::string& name) {
  const auto snapshot = context.client().GetSnapshot(name);
  if (!snapshot.ok()) return CommandContext::Fail(snapshot.status());
  context.NewOutput({}, /*single=*/true).Add(SnapshotJson(*snapshot, true));
  return kExitOk;
}

int Verify(CommandContext& context, const std::string& name) {
  const auto check = context.client(kSnapshotTimeout).VerifySnapshot(name);
  if (!check.ok()) return CommandContext::Fail(check.status());
  for (const std::string& problem : check->problems()) CommandContext::Say(problem);
  CommandContext::Say(fmt::format("snapshot '{}' is {}: {} files, {} bytes read", name,
                                  check->good() ? "good" : "damaged", check->files_read(),
                                  check->bytes_read()));
  Json problems = Json::array();
  for (const std::string& problem : check->problems()) problems.push_back(problem);
  context.NewOutput({"good"}, /*single=*/true)
      .Add({{"good", check->good()},
            {"problems", std::move(problems)},
            {"files_read", check->files_read()},
            {"bytes_read", check->bytes_read()}});
  return check->good() ? kExitOk : kExitFailed;
}

int Delete(CommandContext& context, const std::string& name) {
  if (absl::Status s = context.client().DeleteSnapshot(name); !s.ok()) {
    return CommandContext::Fail(s);
  }
  CommandContext::Say(fmt::format("deleted snapshot '{}'", name));
  return kExitOk;
}

int Schedule(CommandContext& context) {
  const auto schedule = context.client().GetSnapshotSchedule();
  if (!schedule.ok()) return CommandContext::Fail(schedule.status());
  if (schedule->interval_ms() == 0) {
    CommandContext::Say(
        "the server takes none by itself: start it with --snapshot-interval-s, e.g. 86400 for one "
        "a day");
  }
  using google::protobuf::util::TimeUtil;
  Json json = {{"interval_s", schedule->interval_ms() / 1000},
               {"kept_max", schedule->kept_max()},
               {"kept", schedule->kept()}};
  if (schedule->has_newest_time()) {
    json["newest"] = schedule->newest();
    json["newest_time"] = TimeUtil::ToString(schedule->newest_time());
  }
  if (schedule->has_next_time()) json["next_time"] = TimeUtil::ToString(schedule->next_time());
  if (!schedule->failure().empty()) {
    CommandContext::Say(fmt::format("the last try failed: {}", schedule->failure()));
    json["failure"] = schedule->failure();
    json["failure_time"] = TimeUtil::ToString(schedule->failure_time());
  }
  context.NewOutput({}, /*single=*/true).Add(std::move(json));
  return schedule->failure().empty() ? kExitOk : kExitFailed;
}

std::string Told(const v1::RestoredCollection& one, bool dry_run) {
  const std::string replaced =
      one.replaces() ? fmt::format(", in the place of {} documents", one.replaced_document_count())
                     : "";
  return fmt::format("{} '{}' as '{}': {} documents{}", dry_run ? "would restore" : "restored",
                     one.name(), one.as_collection(), one.document_count(), replaced);
}

int Restore(CommandContext& context, const v1::RestoreSnapshotRequest& request) {
  const auto restored = context.client(kSnapshotTimeout).RestoreSnapshot(request);
  if (!restored.ok()) return CommandContext::Fail(restored.status());
  Output output =
      context.NewOutput({"name", "as_collection", "document_count", "replaced_document_count"});
  for (const v1::RestoredCollection& one : restored->collections()) {
    CommandContext::Say(Told(one, request.dry_run()));
    Json json = {{"name", one.name()},
                 {"as_collection", one.as_collection()},
                 {"document_count", one.document_count()}};
    if (one.replaces()) json["replaced_document_count"] = one.replaced_document_count();
    output.Add(std::move(json));
  }
  if (request.dry_run()) CommandContext::Say("every file is good; nothing was changed");
  return kExitOk;
}

void AddRestoreCommand(CLI::App& group, CommandContext& context) {
  auto request = std::make_shared<v1::RestoreSnapshotRequest>();
  CLI::App* const restore =
      context.AddCommand(group, "restore", "bring collections back, while reads and writes go on",
                         [&context, request] { return Restore(context, *request); });
  restore
      ->add_option_function<std::string>(
          "name", [request](const std::string& name) { request->set_name(name); }, "the snapshot")
      ->required();
  restore->add_option_function<std::string>(
      "--collection", [request](const std::string& name) { request->set_collection(name); },
      "this one only (default: all)");
  restore->add_option_function<std::string>(
      "--as", [request](const std::string& name) { request->set_as_collection(name); },
      "under another name; with --collection");
  restore->add_flag_callback(
      "--replace", [request] { request->set_replace(true); },
      "in the place of collections of these names, which go with all of their documents");
  restore->add_flag_callback(
      "--dry-run", [request] { request->set_dry_run(true); },
      "check everything and say what would happen, but do nothing");
}

}  // namespace

void AddSnapshotCommands(CLI::App& app, CommandContext& context) {
  CLI::App* group = app.add_subcommand("snapshot", "take and look after snapshots of the server");
  group->require_subcommand(1)->fallthrough();
  auto name = std::make_shared<std::string>();
  auto collection = std::make_shared<std::string>();
  CLI::App* const create = context.AddCommand(
      *group, "create", "take one of everything, while reads and writes go on",
      [&context, name, collection] { return Create(context, *name, *collection); });
  create->add_option("name", *name, "letters, digits, _ and - (default: made of the time)");
  create->add_option("--collection", *collection, "of this one alone, with no byte of the others");
  context.AddCommand(*group, "list", "all snapshots", [&context] { return List(context); });
  const auto add = [&](const std::string& verb, const std::string& description,
                       int (*run)(CommandContext&, const std::string&)) {
    context
        .AddCommand(*group, verb, description,
                    [&context, name, run] { return run(context, *name); })
        ->add_option("name", *name, "the snapshot")
        ->required();
  };
  add("show", "what one holds, file by file", Show);
  add("verify", "read every file of one and compare its SHA-256; exit code 1 when it is damaged",
      Verify);
  add("delete", "remove one, also an upload that is not finished", Delete);
  context.AddCommand(
      *group, "schedule",
      "what the server takes by itself, and how that goes; exit code 1 when the last "
      "try failed",
      [&context] { return Schedule(context); });
  AddRestoreCommand(*group, context);
  AddSnapshotDownload(*group, context);
  AddSnapshotUpload(*group, context);
}

}  // namespace simile::cli
