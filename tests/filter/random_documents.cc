#include "tests/filter/random_documents.h"

#include <cmath>
#include <limits>

namespace simile {
namespace {

constexpr const char* kWords[] = {"red", "Green", "blue", "x1"};

}  // namespace

std::string RandomDocuments::NextName() {
  return std::string(1, static_cast<char>('a' + Below(5)));
}

std::string RandomDocuments::NextField() {
  return Below(3) == 0 ? NextName() + "." + NextName() : NextName();
}

Value RandomDocuments::NextScalar() {
  switch (Below(8)) {
    case 0:
      return {Null()};
    case 1:
      return {Below(2) == 0};
    case 2:
      return {static_cast<int64_t>(Below(5))};
    case 3:
      return {static_cast<double>(Below(8)) / 2};
    case 4:
      return {std::string(kWords[Below(4)])};
    case 5:
      return {Bytes{kWords[Below(4)]}};
    case 6:
      return {Timestamp{.seconds = static_cast<int64_t>(Below(2)),
                        .nanos = static_cast<int32_t>(Below(3))}};
    default:
      const Value rare[] = {{std::numeric_limits<double>::quiet_NaN()},
                            {std::numeric_limits<int64_t>::max()},
                            {std::numeric_limits<int64_t>::min()},
                            {0x1p63},
                            {-0.0},
                            {-std::numeric_limits<double>::infinity()}};
      return rare[Below(6)];
  }
}

Value RandomDocuments::NextMap() {
  ValueMap map;
  for (size_t fields = Below(3); fields > 0; --fields) {
    Value value = Below(4) == 0 ? Value{ValueList{NextScalar(), NextScalar()}} : NextScalar();
    map.insert_or_assign(NextName(), std::move(value));
  }
  return {std::move(map)};
}

Metadata RandomDocuments::NextMetadata() {
  Metadata metadata;
  for (size_t fields = Below(5); fields > 0; --fields) {
    Value value = NextScalar();
    if (Below(4) == 0) {
      value = NextMap();
    } else if (Below(4) == 0) {
      ValueList list;
      for (size_t length = Below(4); length > 0; --length) list.push_back(NextScalar());
      if (Below(3) == 0) list.push_back({ValueList{NextScalar()}});
      if (Below(3) == 0) list.push_back(NextMap());
      value = {std::move(list)};
    }
    metadata.insert_or_assign(NextField(), std::move(value));
  }
  return metadata;
}

std::string RandomDocuments::NextText() {
  std::string text;
  for (size_t words = Below(4); words > 0; --words) text += std::string(kWords[Below(4)]) + ", ";
  return text;
}

Value RandomDocuments::NextBound(size_t type) {
  switch (type) {
    case 0:
      return {static_cast<int64_t>(Below(5))};
    case 1:
      return {static_cast<double>(Below(8)) / 2};
    case 2:
      return {std::string(kWords[Below(4)])};
    case 3:
      return {Timestamp{.seconds = static_cast<int64_t>(Below(2)),
                        .nanos = static_cast<int32_t>(Below(3))}};
    default:
      return NextScalar();
  }
}

Filter RandomDocuments::NextCondition(size_t id_count) {
  switch (Below(7)) {
    case 0:
    case 1: {
      HasAny has{.field = NextField()};
      for (size_t values = 1 + Below(3); values > 0; --values) has.values.push_back(NextScalar());
      return {std::move(has)};
    }
    case 2: {
      HasAll has{.field = NextField()};
      for (size_t values = 1 + Below(2); values > 0; --values) has.values.push_back(NextScalar());
      return {std::move(has)};
    }
    case 3: {
      InRange range{.field = NextField()};
      const size_t type = Below(5);
      const size_t sides = Below(3);
      if (sides != 1) range.low = RangeBound{NextBound(type), Below(2) == 0};
      if (sides != 0) range.high = RangeBound{NextBound(type), Below(2) == 0};
      return {std::move(range)};
    }
    case 4:
      return {FieldExists{.field = NextField()}};
    case 5:
      return {TextHasWord{.word = kWords[Below(4)]}};
    default: {
      HasId has;
      for (size_t ids = 1 + Below(5); ids > 0; --ids) has.ids.push_back(IdOf(Below(id_count)));
      return {std::move(has)};
    }
  }
}

Filter RandomDocuments::NextFilter(size_t depth_max, size_t id_count) {
  if (depth_max <= 1 || Below(4) == 0) return NextCondition(id_count);
  if (Below(4) == 0) return {Not{{NextFilter(depth_max - 1, id_count)}}};
  std::vector<Filter> filters;
  for (size_t count = Below(4); count > 0; --count) {
    filters.push_back(NextFilter(depth_max - 1, id_count));
  }
  if (Below(2) == 0) return {AllOf{std::move(filters)}};
  return {AnyOf{std::move(filters)}};
}

}  // namespace simile
