#include "server/rpc/convert_check.h"

namespace simile {

void ToProto(const LiveCheck& check, v1::VerifyDataResponse& proto) {
  for (const DamagedFile& file : check.found.files) {
    v1::DamagedTable& damaged = *proto.add_damaged();
    damaged.set_path(file.path);
    damaged.set_family(file.family);
    damaged.set_reason(file.reason);
    for (const std::string& name : file.collections) damaged.add_collections(name);
  }
  for (const CollectionCheck& one : check.found.collections) {
    v1::AffectedCollection& affected = *proto.add_collections();
    affected.set_name(one.name);
    affected.set_document_count(one.document_count);
    affected.set_affected_count(one.affected_count);
    for (const std::string& finding : one.findings) affected.add_findings(finding);
  }
  proto.set_tables_read(check.found.tables_read);
  proto.set_bytes_read(check.found.bytes_read);
  proto.set_tables_left(check.tables_left);
  proto.set_next_page_token(check.next_page_token);
}

}  // namespace simile
