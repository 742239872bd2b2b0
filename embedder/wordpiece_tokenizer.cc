#include "embedder/wordpiece_tokenizer.h"

#include <algorithm>
#include <utility>

#include "embedder/utf8.h"
#include "fmt/format.h"

namespace simile {

// One text on its way to ids: puts words together character by character and cuts each into pieces
// when it ends. Stops when there are more tokens than asked for.
class WordpieceTokenizer::Scanner {
 public:
  Scanner(const WordpieceTokenizer& tokenizer, std::string_view text, size_t tokens_max)
      // One place at the end is kept for the end token.
      : tokenizer_(tokenizer), text_(text), limit_(std::max<size_t>(tokens_max, 2) - 1) {
    // Few texts have more than a token for each two bytes.
    sequence_.ids.reserve(std::min(limit_ + 1, text.size() / 2 + 4));
    word_.reserve(kWordBytesUsual);
  }

  TokenSequence Scan() && {
    AddId(tokenizer_.start_id_);
    while (position_ < text_.size() && !sequence_.truncated) {
      const auto byte = static_cast<unsigned char>(text_[position_]);
      if (byte < tokenizer_.ascii_.size()) {
        ScanAscii(tokenizer_.ascii_[byte]);
      } else {
        ScanOther();
      }
    }
    EndWord();
    sequence_.ids.push_back(tokenizer_.end_id_);
    return std::move(sequence_);
  }

 private:
  static constexpr size_t kWordBytesUsual = 64;

  void ScanAscii(const AsciiCharacter& character) {
    if (character.begins_special && TakeSpecial()) return;
    ++position_;
    switch (character.character_class) {
      case CharacterClass::kLetter:
        AddCharacter(std::string_view(&character.folded, 1));
        return;
      case CharacterClass::kSpace:
        EndWord();
        return;
      case CharacterClass::kPunctuation:
        EndWord();
        AddCharacter(std::string_view(&character.folded, 1));
        EndWord();
        return;
      default:
        return;  // Controls are dropped.
    }
  }

  void ScanOther() {
    if (tokenizer_.special_beyond_ascii_ && TakeSpecial()) return;
    const WordpieceSettings& settings = tokenizer_.settings_;
    const char32_t character = DecodeUtf8(text_, position_);
    const CharacterClass character_class = ClassOf(character);
    if (character_class == CharacterClass::kControl) return;
    if (character_class == CharacterClass::kMark && settings.fold) return;
    if (character_class == CharacterClass::kSpace) return EndWord();
    const bool alone = character_class == CharacterClass::kIdeograph && settings.split_ideographs;
    if (alone) EndWord();
    const std::array<char32_t, 3> folded =
        settings.fold ? Folded(character) : std::array<char32_t, 3>{character, 0, 0};
    for (const char32_t part : folded) {
      // U+0000 is a control, so zero can only mean that there is no more.
      if (part == 0) break;
      const bool punctuation = ClassOf(part) == CharacterClass::kPunctuation;
      if (punctuation) EndWord();
      encoded_.clear();
      AppendUtf8(part, encoded_);
      AddCharacter(encoded_);
      if (punctuation) EndWord();
    }
    if (alone) EndWord();
  }

  // A special token that begins here ends the word before it and is a token by itself.
  bool TakeSpecial() {
    const PieceTrie::Match special =
        tokenizer_.special_tokens_.LongestPrefix(text_.substr(position_));
    if (special.length == 0) return false;
    EndWord();
    AddId(special.value);
    position_ += special.length;
    return true;
  }

  void AddCharacter(std::string_view bytes) {
    // Of a word that is too long only the length counts.
    if (++word_characters_ <= tokenizer_.settings_.word_characters_max) word_ += bytes;
  }

  void EndWord() {
    if (word_characters_ == 0) return;
    if (word_characters_ > tokenizer_.settings_.word_characters_max) {
      AddId(tokenizer_.unknown_id_);
    } else {
      AddPieces();
    }
    word_.clear();
    word_characters_ = 0;
  }

  void AddPieces() {
    const size_t size_before = sequence_.ids.size();
    const bool truncated_before = sequence_.truncated;
    std::string_view rest = word_;
    for (const PieceTrie* pieces = &tokenizer_.words_; !rest.empty();
         pieces = &tokenizer_.continuations_) {
      const PieceTrie::Match piece = pieces->LongestPrefix(rest);
      if (piece.length == 0) {
        // One part that matches nothing makes the whole word unknown.
        sequence_.ids.resize(size_before);
        sequence_.truncated = truncated_before;
        return AddId(tokenizer_.unknown_id_);
      }
      AddId(piece.value);
      rest.remove_prefix(piece.length);
    }
  }

  void AddId(uint32_t id) {
    if (sequence_.ids.size() < limit_) {
      sequence_.ids.push_back(id);
    } else {
      sequence_.truncated = true;
    }
  }

  const WordpieceTokenizer& tokenizer_;
  const std::string_view text_;
  const size_t limit_;
  size_t position_ = 0;
  TokenSequence sequence_;
  std::string word_;  // What has been read of the word at hand, folded.
  size_t word_characters_ = 0;
  std::string encoded_;
};

WordpieceTokenizer::WordpieceTokenizer(WordpieceSettings settings)
    : settings_(std::move(settings)) {
  const std::string& prefix = settings_.continuing_prefix;
  PieceTrie::Pieces words, continuations, special;
  for (size_t at = 0; at < settings_.vocabulary.size(); ++at) {
    const std::string_view piece = settings_.vocabulary[at];
    const auto id = static_cast<uint32_t>(at);
    // A token that comes twice has its last id, as in the reference's dictionary.
    ids_[piece] = id;
    words.emplace_back(piece, id);
    if (piece.size() > prefix.size() && piece.starts_with(prefix)) {
      continuations.emplace_back(piece.substr(prefix.size()), id);
    }
  }
  for (size_t at = 0; at < ascii_.size(); ++at) {
    const auto character = static_cast<char32_t>(at);
    const char32_t folded = settings_.fold ? Folded(character)[0] : character;
    ascii_[at] = {.character_class = ClassOf(character), .folded = static_cast<char>(folded)};
  }
  for (const std::string& token : settings_.special_tokens) {
    const auto found = ids_.find(token);
    if (token.empty() || found == ids_.end()) continue;
    special.emplace_back(token, found->second);
    const auto first = static_cast<unsigned char>(token.front());
    if (first < ascii_.size()) {
      ascii_[first].begins_special = true;
    } else {
      special_beyond_ascii_ = true;
    }
  }
  words_ = PieceTrie(std::move(words));
  continuations_ = PieceTrie(std::move(continuations));
  special_tokens_ = PieceTrie(std::move(special));
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
  const auto found = ids_.find(piece);
  if (found == ids_.end()) return false;
  id = found->second;
  return true;
}

TokenSequence WordpieceTokenizer::Encode(std::string_view text, size_t tokens_max) const {
  return Scanner(*this, text, tokens_max).Scan();
}

std::string_view WordpieceTokenizer::TokenText(uint32_t id) const {
  return id < settings_.vocabulary.size() ? std::string_view(settings_.vocabulary[id])
                                          : std::string_view();
}

}  // namespace simile
