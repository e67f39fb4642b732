"""Provenance of a version for those who never see its store: Croissant, D&TA, and the EU summary.

Every value comes from the manifest, so each can be followed to a digest; what a manifest does not know is
said to be unknown, never guessed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkmix.flows.system.markdown import inline
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.stated import stated_settings

UNKNOWN = "not known to the manifest"

COLUMNS = {
    "id": "sc:Text",
    "source": "sc:Text",
    "conversation_id": "sc:Text",
    "turn": "sc:Integer",
    "thinking": "sc:Boolean",
    "tools": "sc:Text",
    "prompt": "sc:Text",
    "completion": "sc:Text",
    "prompt_tokens": "sc:Integer",
    "completion_tokens": "sc:Integer",
}
"""Columns of the published rows that Croissant can type; `messages` is a list of structures."""

CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the Croissant 1.0 specification: without it its own reader, mlcroissant, reads nothing."""


def croissant(manifest: Manifest, files: Mapping[str, str], *, name: str, version: str) -> str:
    """Return JSON-LD in the Croissant 1.0 vocabulary (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).

    Args:
        manifest: of the version.
        files: sha256 by name of the parquet files that go with it.
        name: of the dataset.
        version: digest of the version.
    """
    distribution = [
        {
            "@type": "cr:FileObject",
            "@id": file,
            "name": file,
            "contentUrl": file,
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }
        for file, digest in sorted(files.items())
    ]
    # A record set a file: mlcroissant finds no row through a set of files that no archive holds.
    sets = [
        {
            "@type": "cr:RecordSet",
            "@id": Path(file).stem,
            "name": Path(file).stem,
            "field": [_field(file, column, kind) for column, kind in COLUMNS.items()],
        }
        for file in sorted(files)
    ]
    licences = sorted({source.licence for source in manifest.sources if source.licence})
    told: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": stated_settings(manifest.recipe).title or manifest.mixture,
        "version": version,
        "license": licences,
        "isBasedOn": [f"{source.dataset}@{source.commit or UNKNOWN}" for source in manifest.sources],
        "distribution": distribution,
        "recordSet": sets,
    }
    return json.dumps(told, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def _field(file: str, column: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{Path(file).stem}/{column}",
        "name": column,
        "dataType": kind,
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
    }


def provenance_fields(
    manifest: Manifest, *, name: str, version: str, licence: str
) -> dict[str, dict[str, str]]:
    """Return the 22 fields of the D&TA Data Provenance Standards 1.0.0, in their three groups.

    Args:
        manifest: of the version.
        name: of the dataset.
        version: digest of the version.
        licence: what the sources' licences come to, in words.
    """
    sources = "; ".join(f"{one.name}: {one.dataset}@{one.commit or one.revision}" for one in manifest.sources)
    dropped: dict[str, int] = {}
    for count in manifest.ledger.stages:
        for reason, amount in count.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + amount.rows
    method = ", ".join(f"{reason} {rows}" for reason, rows in sorted(dropped.items()) if rows)
    return {
        "source": {
            "standards version": "1.0.0",
            "dataset title": stated_settings(manifest.recipe).title or manifest.mixture,
            "unique metadata identifier": version,
            "metadata location": "manifest.json, croissant.json",
            "dataset issuer": name.partition("/")[0],
            "description": "rows for supervised fine-tuning, each a prompt and its completion",
        },
        "provenance": {
            "source metadata": "manifest.json lists every source file by sha256",
            "source, if other than the issuer": sources,
            "data origin geography": UNKNOWN,
            "issue date": UNKNOWN,
            "previous issue date": UNKNOWN,
            "range of dates of generation": UNKNOWN,
            "method": f"rows were left out by declared rules ({method})" if method else "no row was left out",
            "data format": "parquet",
        },
        "use": {
            "confidentiality classification": UNKNOWN,
            "consent documentation": UNKNOWN,
            "privacy enhancing technologies": UNKNOWN,
            "processing geography": UNKNOWN,
            "storage geography": UNKNOWN,
            "licence": licence,
            "intended use": "supervised fine-tuning of language models of the Qwen3 family",
            "proprietary data": UNKNOWN,
        },
    }


def training_summary(manifest: Manifest, fields: Mapping[str, Mapping[str, str]]) -> str:
    """Return the summary of training content after Article 53(1)(d) of the EU AI Act, template of 2025-07-24.

    Who fine-tunes a model summarises the data of the modification alone. What only the provider knows is left
    open and said to be.
    """
    tokens = sum(share.tokens for share in manifest.shares)
    rows = sum(share.examples for share in manifest.shares)
    lines = [
        "# Summary of training content (data of the modification)",
        "",
        "After the template of the European Commission of 2025-07-24 for Article 53(1)(d) of Regulation (EU) "
        "2024/1689. It covers this dataset alone, and not what the model was trained on before.",
        "",
        "## 1. General information",
        "",
        "* Provider, model, date of placing on the market: to be filled in by who trains.",
        f"* Modality and size: text; {rows:,} examples, {tokens:,} tokens (Qwen3 tokenizer).",
        f"* Languages and dates of collection: {UNKNOWN}.",
        "",
        "## 2. List of data sources",
        "",
        "| source | dataset | commit | licence | examples | tokens |",
        "|---|---|---|---|---:|---:|",
        *(_source_line(manifest, name) for name in dict.fromkeys(one.name for one in manifest.sources)),
        "",
        "A manifest does not tell public datasets, licensed, crawled, user and synthetic data apart: say for "
        "each source above which it is.",
        "",
        "## 3. Data processing",
        "",
        f"* Measures on rights reservations: {UNKNOWN}.",
        f"* Removal of illegal content: {UNKNOWN}.",
        f"* Rows left out: {fields['provenance']['method']}.",
        "",
    ]
    return "\n".join(lines)


def _source_line(manifest: Manifest, name: str) -> str:
    entry = next(one for one in manifest.sources if one.name == name)
    shares = [share for share in manifest.shares if share.source == name]
    cells: Sequence[str] = (
        name,
        inline(entry.dataset),
        entry.commit[:12] or "local files",
        inline(entry.licence or "not stated"),
        f"{sum(share.examples for share in shares):,}",
        f"{sum(share.tokens for share in shares):,}",
    )
    return f"| {' | '.join(cells)} |"
