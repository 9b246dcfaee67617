#!/usr/bin/env python3
"""Checks the links of every tracked Markdown file: a local one must name a file that exists, an anchor a heading of it.

Addresses with a scheme are left alone: this asks no network.
"""

import pathlib
import re
import subprocess
import sys
import urllib.parse

FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
INLINE = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:|^//")


def blank(match):
    """Keeps the line breaks, so that the lines of what follows stay right."""
    return re.sub(r"[^\n]", " ", match.group(0))


def anchors(text):
    """The anchors that a forge makes of the headings: lower case, no punctuation, a number on the second of a name."""
    seen, found = {}, set(ANCHOR.findall(text))
    for heading in HEADING.findall(FENCE.sub(blank, text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def problems(root, document):
    text = document.read_text(encoding="utf-8")
    prose = CODE.sub(blank, FENCE.sub(blank, text))
    for match in [*INLINE.finditer(prose), *DEFINITION.finditer(prose)]:
        link = match.group(1)
        if SCHEME.match(link):
            continue
        path, _, anchor = urllib.parse.unquote(link).partition("#")
        base = root if path.startswith("/") else document.parent
        place = (base / path.lstrip("/")) if path else document
        line = prose.count("\n", 0, match.start()) + 1
        if not place.exists():
            yield f"{document.relative_to(root)}:{line}: `{link}` names no file"
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
            yield f"{document.relative_to(root)}:{line}: `{link}` names no heading of {place.name}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root, check=True, capture_output=True, text=True,
    )
    documents = [root / name for name in listed.stdout.split("\0") if name]
    found = [problem for document in documents if document.exists() for problem in problems(root, document)]
    for problem in found:
        print(problem, file=sys.stderr)
    print(f"{len(documents)} documents, {len(found)} broken links")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
