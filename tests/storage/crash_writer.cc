#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "storage/store.h"
#include "tests/storage/crash_documents.h"

namespace simile {
namespace {

// One call, so that a kill leaves whole lines only.
void Print(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(1);
}

void WriteDocuments(Store& store, uint32_t first, uint32_t end, uint32_t step) {
  for (uint32_t number = first; number < end; number += step) {
    const auto written =
        store.Write({.collection_id = kCrashCollectionId, .operations = {CrashPut(number)}});
    if (!written.ok()) {
      Print("failed: " + written.status().ToString() + "\n");
      std::exit(1);
    }
    Print(std::to_string(number) + "\n");
  }
}

int Run(const std::string& data_directory, uint32_t first, uint32_t end, uint32_t threads) {
  auto store = Store::Open(CrashOptions(data_directory));
  if (!store.ok()) {
    Print("failed: " + store.status().ToString() + "\n");
    return 1;
  }
  if ((*store)->Collections().empty() &&
      !(*store)->CreateCollection({.name = kCrashCollection}).ok()) {
    return 1;
  }
  std::vector<std::thread> writers;
  for (uint32_t thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&store, first, end, threads, thread] {
      WriteDocuments(**store, first + thread, end, threads);
    });
  }
  for (std::thread& writer : writers) writer.join();
  Print("done\n");
  for (;;) pause();
}

}  // namespace
}  // namespace simile

// crash_writer DIRECTORY FIRST END THREADS: writes the documents FIRST to END - 1, prints the
// number of each once it is acknowledged, then "done", and waits to be killed.
int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto number = [argv](int at) {
    return static_cast<uint32_t>(std::strtoul(argv[at], nullptr, 10));
  };
  return simile::Run(argv[1], number(2), number(3), number(4));
}
