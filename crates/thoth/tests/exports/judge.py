"""Reads exports with programs that are not ours: BibTeX with bibtexparser, CSL-JSON with citeproc-py in a style."""

import json
import sys

import bibtexparser
from citeproc import Citation, CitationItem, CitationStylesBibliography, CitationStylesStyle, formatter
from citeproc.source.json import CiteProcJSON

bibtex, items, style = sys.argv[1:]
with open(bibtex, encoding="utf-8") as file:
    library = bibtexparser.parse_string(file.read())
assert not library.failed_blocks, library.failed_blocks
with open(items, encoding="utf-8") as file:
    items = json.load(file)
rules = CitationStylesStyle(style, validate=False)
bibliography = CitationStylesBibliography(rules, CiteProcJSON(items), formatter.plain)
for item in items:
    bibliography.register(Citation([CitationItem(item["id"])]))
print(json.dumps({
    "bibtex": {entry.key: {field.key: field.value for field in entry.fields} for entry in library.entries},
    "formatted": [str(entry) for entry in bibliography.bibliography()],
}))
