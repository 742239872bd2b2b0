#ifndef SIMILE_TESTS_STORAGE_CRASH_DOCUMENTS_H_
#define SIMILE_TESTS_STORAGE_CRASH_DOCUMENTS_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/store.h"

namespace simile {

// What the crash writer writes, so that the test knows from a number what must be there.
inline constexpr char kCrashCollection[] = "crash";
inline constexpr uint32_t kCrashCollectionId = 1;
inline constexpr size_t kCrashVectorSize = 16;

inline StoreOptions CrashOptions(const std::string& data_directory) {
  // The least that RocksDB takes, so that logs change and tables are written during a test.
  return {.data_directory = data_directory, .memtable_bytes = 64 * 1024, .free_disk_bytes_min = 0};
}

inline PutOperation CrashPut(uint32_t number) {
  std::mt19937 random(number);
  PutOperation put{.id = std::to_string(number), .text = "text of " + std::to_string(number) + ":"};
  while (put.text.size() < 500) put.text.push_back(static_cast<char>('a' + random() % 26));
  put.metadata["number"] = Value{int64_t{number}};
  std::vector<float> vector(kCrashVectorSize);
  for (float& component : vector) component = static_cast<float>(random()) / 1e9f;
  put.vector = std::move(vector);
  return put;
}

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_CRASH_DOCUMENTS_H_
