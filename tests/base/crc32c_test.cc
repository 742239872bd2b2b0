#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace simile {
namespace {

TEST(Crc32cTest, AgreesWithTheExamplesOfRfc3720) {
  std::string ascending, descending;
  for (int value = 0; value < 32; ++value) {
    ascending.push_back(static_cast<char>(value));
    descending.push_back(static_cast<char>(31 - value));
  }
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(ascending), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(descending), 0x113FDB5Cu);
}

TEST(Crc32cTest, AgreesWithTheReadCommandOfRfc3720) {
  std::string command(48, '\0');
  command[0] = '\x01';
  command[1] = '\xC0';
  command[16] = '\x14';
  command[22] = '\x04';
  command[27] = '\x14';
  command[31] = '\x18';
  command[32] = '\x28';
  command[40] = '\x02';
  EXPECT_EQ(Crc32c(command), 0xD9963A56u);
}

TEST(Crc32cTest, OfNothingIsZero) { EXPECT_EQ(Crc32c(""), 0u); }

TEST(Crc32cTest, TheInstructionAgreesWithTheTableAtEveryLengthAndPlace) {
  std::mt19937 random(1);
  std::string bytes(300, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t first = 0; first < 9; ++first) {
    for (size_t size = 0; first + size <= bytes.size(); ++size) {
      const std::string_view part = std::string_view(bytes).substr(first, size);
      ASSERT_EQ(Crc32c(part), Crc32cByTable(part)) << first << " " << size;
    }
  }
}

}  // namespace
}  // namespace simile
