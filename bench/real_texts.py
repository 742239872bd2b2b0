#!/usr/bin/env python3
"""Real short texts for index_bench, as JSON lines in random order (always the same):

  real_texts.py PACKAGES.jsonl > TEXTS.jsonl

PACKAGES.jsonl is what scripts/debian_packages.py --limit 70000 writes; the glosses and examples of WordNet come from
Debian's package wordnet-base. Some 225,000 texts.
"""
import json
import pathlib
import random
import re
import sys


def wordnet_texts():
    """Each sense as 'word: definition', then its examples."""
    for path in sorted(pathlib.Path("/usr/share/wordnet").glob("data.*")):
        for line in path.read_text(encoding="latin-1").splitlines():
            if line.startswith("  ") or "|" not in line:
                continue
            fields, gloss = line.split("|", 1)
            word = fields.split()[4].replace("_", " ")
            definition = re.split(r';\s*"', gloss.strip())[0]
            yield f"{word}: {definition}"
            yield from re.findall(r'"([^"]{12,})"', gloss)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as packages:
        texts = [json.loads(line)["text"] for line in packages]
    texts = list(dict.fromkeys(texts + list(wordnet_texts())))
    random.Random(7).shuffle(texts)
    for text in texts:
        print(json.dumps({"text": text}))


main()
