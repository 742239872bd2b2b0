#include "filter/field_paths.h"

namespace simile {
namespace {

using VisitField = std::function<void(const std::string&, const Value&)>;
using VisitValue = std::function<void(const Value&)>;

void VisitInside(const std::string& path, const Value& value, const VisitField& visit) {
  if (const auto* map = std::get_if<ValueMap>(&value.kind)) {
    for (const auto& [name, inner] : *map) {
      const std::string inner_path = path + "." + name;
      visit(inner_path, inner);
      VisitInside(inner_path, inner, visit);
    }
  } else if (const auto* list = std::get_if<ValueList>(&value.kind)) {
    for (const Value& item : *list) VisitInside(path, item, visit);
  }
}

void VisitValuesIn(const Value& value, std::string_view path, const VisitValue& visit) {
  if (const auto* map = std::get_if<ValueMap>(&value.kind)) {
    ForEachValueAt(*map, path, visit);
  } else if (const auto* list = std::get_if<ValueList>(&value.kind)) {
    for (const Value& item : *list) VisitValuesIn(item, path, visit);
  }
}

}  // namespace

void ForEachField(const Metadata& metadata, const VisitField& visit) {
  for (const auto& [name, value] : metadata) {
    visit(name, value);
    VisitInside(name, value, visit);
  }
}

void ForEachValueAt(const Metadata& metadata, std::string_view path, const VisitValue& visit) {
  if (const auto found = metadata.find(path); found != metadata.end()) visit(found->second);
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const auto found = metadata.find(path.substr(0, dot));
    if (found != metadata.end()) VisitValuesIn(found->second, path.substr(dot + 1), visit);
  }
}

}  // namespace simile
