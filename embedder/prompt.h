#ifndef SIMILE_EMBEDDER_PROMPT_H_
#define SIMILE_EMBEDDER_PROMPT_H_

#include <string>

namespace simile {

// What is put before a text that is meant for something, e.g. "query: ".
struct Prompt {
  std::string name;
  std::string text;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_PROMPT_H_
