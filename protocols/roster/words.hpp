// The words of fingerprints, embedded from words.txt. The list was written for Hansa: 1,024 common English
// words of four to nine letters, no two with the same first four letters, none within one typing error of
// another, so that what is heard over a bad line or typed in haste is still one word. tests/roster checks all
// of it. Its order is part of every fingerprint: it never changes.
#pragma once

#include <string_view>

namespace hansa::protocols::roster {

/// 1,024 lines, sorted, one word each.
extern const std::string_view words_txt;

}  // namespace hansa::protocols::roster
