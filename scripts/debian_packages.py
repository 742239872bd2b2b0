#!/usr/bin/env python3
"""Writes the descriptions of the Debian packages this machine knows as JSON lines for `simile import`.

  debian_packages.py --limit N > packages.jsonl

Name becomes the id, the description the text; section, priority and installed size become metadata.
Programs come first, a mix of the sections people search in; libraries and the like come last. The
order depends on nothing but the names, so that a second run writes the same documents.
"""

import argparse
import glob
import hashlib
import json
import subprocess
import sys

# Sections of programs, in the order in which a round of picking takes one from each.
PROGRAM_SECTIONS = ["graphics", "admin", "utils", "text", "video", "sound", "editors", "mail",
                    "web", "net", "games", "science", "misc", "x11", "vcs", "database"]


def stanzas(lines):
    """The fields of each paragraph of Debian control data."""
    fields, name = {}, None
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if fields:
                yield fields
            fields, name = {}, None
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line[1:]
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    if fields:
        yield fields


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True,
                          text=True, errors="replace").stdout.splitlines()


def prose(description):
    """A description as running text: ' .' is an empty line, the rest of a paragraph is joined."""
    synopsis, _, body = description.partition("\n")
    paragraphs, current = [], []
    for line in body.split("\n"):
        if line.strip() in ("", "."):
            paragraphs.append(" ".join(current))
            current = []
        else:
            current.append(line.strip())
    paragraphs.append(" ".join(current))
    text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return f"{synopsis}.\n{text}" if text else synopsis


def long_descriptions():
    """By Description-md5, from the translation lists, where apt keeps them."""
    found = {}
    for path in glob.glob("/var/lib/apt/lists/*_i18n_Translation-en*"):
        for fields in stanzas(output_of("/usr/lib/apt/apt-helper", "cat-file", path)):
            if "Description-en" in fields:
                found[fields.get("Description-md5")] = fields["Description-en"]
    return found


def known_packages():
    """The newest stanza of each package, with the longest description known for it."""
    translated = long_descriptions()
    packages = {}
    for fields in stanzas(output_of("apt-cache", "dumpavail")):
        if "Package" not in fields or "Description" not in fields:
            continue
        description = translated.get(fields.get("Description-md5"), fields["Description"])
        packages.setdefault(fields["Package"], (fields, description))
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as status:
        for fields in stanzas(status):
            if "\n" in fields.get("Description", ""):
                packages[fields["Package"]] = (fields, fields["Description"])
    return packages


def in_order(packages):
    """Names, one from each program section in turn, then all others."""
    queues = {section: [] for section in PROGRAM_SECTIONS}
    rest = []
    for name in sorted(packages, key=lambda name: hashlib.sha256(name.encode()).digest()):
        section = packages[name][0].get("Section", "").rpartition("/")[2]
        queues.get(section, rest).append(name)
    while any(queues.values()):
        for queue in queues.values():
            if queue:
                yield queue.pop(0)
    yield from rest


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=0, help="documents to write (0: all)")
    options = parser.parse_args()
    packages = known_packages()
    if not packages:
        sys.exit("this machine knows no Debian packages: run apt-get update")
    for number, name in enumerate(in_order(packages)):
        if options.limit and number == options.limit:
            break
        fields, description = packages[name]
        metadata = {"section": fields.get("Section", "unknown"),
                    "priority": fields.get("Priority", "unknown")}
        if fields.get("Installed-Size", "").isdigit():
            metadata["installed_size_kib"] = int(fields["Installed-Size"])
        document = {"id": name, "text": prose(description), "metadata": metadata}
        print(json.dumps(document, ensure_ascii=False))


if __name__ == "__main__":
    main()
