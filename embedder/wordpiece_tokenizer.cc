#include "embedder/wordpiece_tokenizer.h"

#include <algorithm>

#include "embedder/unicode_tables.h"
#include "embedder/utf8.h"
#include "fmt/format.h"

namespace simile {

// Collects ids up to the limit, then only notes that there would have been more.
class WordpieceTokenizer::Output {
 public:
  explicit Output(size_t limit) : limit_(limit) {}

  void Add(uint32_t id) {
    if (ids_.size() < limit_) {
      ids_.push_back(id);
    } else {
      overflowed_ = true;
    }
  }

  // Drops what was added beyond `size`: a word turned out to be unknown.
  void Rewind(size_t size) {
    ids_.resize(std::min(size, ids_.size()));
    overflowed_ = false;
  }

  bool overflowed() const { return overflowed_; }
  size_t size() const { return ids_.size(); }
  std::vector<uint32_t> TakeIds() { return std::move(ids_); }

  // The word being put together; kept here so that its memory is used again.
  std::string word;
  size_t word_characters = 0;

 private:
  const size_t limit_;
  std::vector<uint32_t> ids_;
  bool overflowed_ = false;
};

WordpieceTokenizer::WordpieceTokenizer(WordpieceSettings settings)
    : settings_(std::move(settings)) {
  const std::string& prefix = settings_.continuing_prefix;
  for (size_t id = 0; id < settings_.vocabulary.size(); ++id) {
    const std::string_view piece = settings_.vocabulary[id];
    // A token that comes twice has its last id, as in the reference's dictionary.
    words_[piece] = static_cast<uint32_t>(id);
    if (piece.size() > prefix.size() && piece.starts_with(prefix)) {
      continuations_[piece.substr(prefix.size())] = static_cast<uint32_t>(id);
    }
    piece_bytes_max_ = std::max(piece_bytes_max_, piece.size());
  }
}

absl::StatusOr<std::unique_ptr<WordpieceTokenizer>> WordpieceTokenizer::Create(
    WordpieceSettings settings) {
  std::unique_ptr<WordpieceTokenizer> tokenizer(new WordpieceTokenizer(std::move(settings)));
  const WordpieceSettings& kept = tokenizer->settings_;
  const std::pair<const std::string&, uint32_t&> needed[] = {
      {kept.unknown_token, tokenizer->unknown_id_},
      {kept.start_token, tokenizer->start_id_},
      {kept.end_token, tokenizer->end_id_}};
  uint32_t ignored = 0;
  for (const auto& [token, id] : needed) {
    if (!tokenizer->Find(token, id)) {
      return absl::FailedPreconditionError(fmt::format("the vocabulary has no token '{}'", token));
    }
  }
  for (const std::string& token : kept.special_tokens) {
    if (token.empty() || !tokenizer->Find(token, ignored)) {
      return absl::FailedPreconditionError(
          fmt::format("the vocabulary has no special token '{}'", token));
    }
  }
  return tokenizer;
}

bool WordpieceTokenizer::Find(std::string_view piece, uint32_t& id) const {
  const auto found = words_.find(piece);
  if (found == words_.end()) return false;
  id = found->second;
  return true;
}

TokenSequence WordpieceTokenizer::Encode(std::string_view text, size_t tokens_max) const {
  // One place at the end is kept for the end token.
  Output output(std::max<size_t>(tokens_max, 2) - 1);
  output.Add(start_id_);
  size_t position = 0;
  while (position < text.size() && !output.overflowed()) {
    const auto [start, length] = FindSpecial(text, position);
    EncodeSegment(text.substr(position, start - position), output);
    uint32_t id = 0;
    if (length > 0 && Find(text.substr(start, length), id)) output.Add(id);
    position = start + length;
  }
  TokenSequence sequence{.truncated = output.overflowed()};
  sequence.ids = output.TakeIds();
  sequence.ids.push_back(end_id_);
  return sequence;
}

// Where the next special token begins and how long it is; the end of the text and 0 without one.
std::pair<size_t, size_t> WordpieceTokenizer::FindSpecial(std::string_view text,
                                                          size_t from) const {
  size_t best_start = text.size();
  size_t best_length = 0;
  for (const std::string& token : settings_.special_tokens) {
    const size_t start =
        text.substr(0, best_start + (best_length > 0 ? token.size() : 0)).find(token, from);
    if (start == std::string_view::npos) continue;
    if (start < best_start || (start == best_start && token.size() > best_length)) {
      best_start = start;
      best_length = token.size();
    }
  }
  return {best_start, best_length};
}

void WordpieceTokenizer::EncodeSegment(std::string_view segment, Output& output) const {
  const auto end_word = [&] {
    if (!output.word.empty()) EncodeWord(output.word, output.word_characters, output);
    output.word.clear();
    output.word_characters = 0;
  };
  const auto add = [&](char32_t character) {
    AppendUtf8(character, output.word);
    ++output.word_characters;
  };
  for (size_t position = 0; position < segment.size() && !output.overflowed();) {
    const char32_t character = DecodeUtf8(segment, position);
    const CharacterClass character_class = ClassOf(character);
    if (character_class == CharacterClass::kControl) continue;
    if (character_class == CharacterClass::kMark && settings_.fold) continue;
    if (character_class == CharacterClass::kSpace) {
      end_word();
      continue;
    }
    const bool alone = character_class == CharacterClass::kIdeograph && settings_.split_ideographs;
    if (alone) end_word();
    const std::array<char32_t, 3> folded =
        settings_.fold ? Folded(character) : std::array<char32_t, 3>{character, 0, 0};
    for (const char32_t part : folded) {
      // U+0000 is a control, so zero can only mean that there is no more.
      if (part == 0) break;
      const bool punctuation = ClassOf(part) == CharacterClass::kPunctuation;
      if (punctuation) end_word();
      add(part);
      if (punctuation) end_word();
    }
    if (alone) end_word();
  }
  end_word();
}

void WordpieceTokenizer::EncodeWord(std::string_view word, size_t characters,
                                    Output& output) const {
  if (characters > settings_.word_characters_max) return output.Add(unknown_id_);
  const size_t size_before = output.size();
  const bool overflowed_before = output.overflowed();
  for (size_t start = 0; start < word.size();) {
    const auto& pieces = start == 0 ? words_ : continuations_;
    size_t length = std::min(word.size() - start, piece_bytes_max_);
    auto found = pieces.end();
    for (; length > 0; --length) {
      found = pieces.find(word.substr(start, length));
      if (found != pieces.end()) break;
    }
    if (length == 0) {
      // One part that matches nothing makes the whole word unknown.
      if (!overflowed_before) output.Rewind(size_before);
      return output.Add(unknown_id_);
    }
    output.Add(found->second);
    start += length;
  }
}

std::string_view WordpieceTokenizer::TokenText(uint32_t id) const {
  return id < settings_.vocabulary.size() ? std::string_view(settings_.vocabulary[id])
                                          : std::string_view();
}

}  // namespace simile
