#include <iostream>

#include "client/importer.h"
#include "client/simile_client.h"

// Stores one vector in the collection argv[2] of the server argv[1] and counts what is there.
int main(int, char** argv) {
  simile::Client client({.server = argv[1]});
  simile::v1::CreateCollectionRequest create;
  create.set_name(argv[2]);
  create.set_dimension(2);
  absl::Status status = client.CreateCollection(create).status();
  simile::v1::Document document;
  document.mutable_vector()->mutable_floats()->add_values(1);
  document.mutable_vector()->mutable_floats()->add_values(0);
  simile::Importer importer(client, {.collection = argv[2]}, [](uint64_t, const auto&) {});
  if (status.ok()) status = importer.Add(document);
  if (status.ok()) status = importer.Finish();
  const auto count = client.CountDocuments(argv[2]);
  if (status.ok() && count.ok()) std::cout << "documents: " << *count << "\n";
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
