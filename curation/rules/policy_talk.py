"""The rule on traces about the policy of a provider: whether to answer, where the question is how to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_HINTS = ("polic", "Polic", "llowed content", " refuse", " decline", "政策", "准则", "规范")
"""One of these stands in every text that `_POLICY` finds; looking for them is quicker."""
_POLICY = (
    r"\b(?:OpenAI|[Oo]ur|[Cc]ontent|[Ss]afety|[Uu]sage|[Mm]oderation)(?:'s)? (?:\w+ )?[Pp]olic(?:y|ies)\b"
    r"|\b(?:against|violat\w+|within|according to|[Cc]heck(?:ing)?|[Ff]ollow(?:ing)?|comply with|per|under)"
    r" policy\b"
    r"|\b[Nn]o policy (?:issues?|problems?|violations?|concerns?)\b|\bpolicy says (?:that )?we\b"
    r"|\b(?:[Dd]is)?[Aa]llowed content\b|\bpolicy[- ](?:compliant|violation|violating)\b"
    r"|\b(?:[Ww]e|I) (?:must|should|have to|need to|will|can|may)(?: not)? (?:refuse|decline)\b"
    r"|(?:违反|符合|遵守|按照|根据)\w{0,6}(?:政策|安全准则|内容规范|使用规范|安全规范)"
)


class PolicyTalk(Rule):
    """How often a trace speaks of policy: `disallowed content`, `OpenAI policy`, `we must refuse`.

    Models that are trained to check a policy before they answer do it in front of a sum, too, and a model
    that learns from their traces of mathematics learns to do so. The value is the number of such places in
    the row's traces, and the evidence the first one. A source about safety means what it says: turn the rule
    on for sources of mathematics and code. It finds planted places and nothing in the real traces that it was
    tried on; how often it is right elsewhere is not known, so let it flag, and look at what it finds.
    """

    name: ClassVar[str] = "policy_talk"
    sentence: ClassVar[str] = "its trace discusses a safety policy instead of the question"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows whose traces have such a place."""
        import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

        policy, text = pl.lit(_POLICY), pl.col("text")
        found = (
            pl.DataFrame({"row": turns.row, "text": turns.column("reasoning")})
            .with_row_index("turn")
            .filter(text.str.contains_any(list(_HINTS)))
            .filter(text.str.contains(policy))
            .select(
                "row",
                "turn",
                times=text.str.count_matches(policy),
                start=text.str.find(policy),
                size=text.str.extract(f"({_POLICY})").str.len_bytes(),
            )
            .group_by("row", maintain_order=True)
            .agg(pl.col("times").sum(), pl.exclude("times").first())
        )
        return [
            Verdict(of, float(times), Evidence.at(turns, turn, "reasoning", start, start + size))
            for of, times, turn, start, size in found.iter_rows()
        ]
