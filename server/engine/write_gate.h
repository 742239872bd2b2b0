#ifndef SIMILE_SERVER_ENGINE_WRITE_GATE_H_
#define SIMILE_SERVER_ENGINE_WRITE_GATE_H_

#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

namespace simile {

// Lets writes of different documents run together and those of the same id one after the other.
// Without it two writers of one id could commit in one order and change the index in the other.
//
// A pass takes all of its ids at once or waits, and nobody waits while holding a pass, so there is
// no deadlock.
//
// Thread safety: all methods may be called together.
class WriteGate {
 public:
  // The right to write the ids it was given for; ends with its life.
  class Pass {
   public:
    Pass(WriteGate& gate, std::vector<std::string> ids);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    WriteGate& gate_;
    const std::vector<std::string> ids_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::unordered_set<std::string> held_;  // Guarded by mutex_.
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_WRITE_GATE_H_
