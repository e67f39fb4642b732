"""Row formats that a source may have, one file each; `contract` says what a format is, `known` lists all.

Rows differ in how they are laid out, hardly in what they say: `fields` reads single values, `turns` lists of
turns, `tools`, `hermes`, `pythonic` and `prompts` definitions and calls, and `chat` collects the turns.

This file imports none of them: what reads rows of one format does not depend on the others.
"""
