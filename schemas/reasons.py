"""Why a row is not in the mixture: the closed list of reasons that ledger, rejects and report share."""

from enum import StrEnum
from typing import Self


class Worded(StrEnum):
    """Words, each with the sentence that people read; a subclass reads what follows it in `__init__`."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "", *_: object) -> Self:
        """Keep the sentence beside the word."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


class Reason(Worded):
    """One word per outcome; the comment is the sentence that the report shows.

    Grouped by the stage that decides it. What a stage decides by itself is a member here and nowhere else.
    The reason of a row that a rule of `curation/rules` drops is the rule's name: `curation.rules.known.why`
    knows both.
    """

    # validate: the raw row is not a conversation
    BAD_JSON = "bad_json", "the line is not JSON"
    BAD_CSV = "bad_csv", "the line is not a row of the table"
    WRONG_TYPE = "wrong_type", "a field is missing, null or of another type than the row format says"
    TOO_BIG = "too_big", "the row holds more text than the recipe allows"
    TOO_MANY_TURNS = "too_many_turns", "the row has more turns than the recipe allows (`max_turns`)"
    PROMPTS_TOO_BIG = (
        "prompts_too_big",
        "the row's examples repeat what was said before them, more in all than the recipe allows "
        "(`max_prompt_bytes`)",
    )
    WORKER_KILLED = "worker_killed", "the row ended the process that worked on it, twice"
    TOO_DEEP = "too_deep", "values are nested deeper than 64 levels"
    LONE_SURROGATE = "lone_surrogate", "half of a UTF-16 pair: text that no UTF-8 file can hold"
    CONTROL_CHAR = "control_char", "a control character other than tab, newline or carriage return"
    NONCHARACTER = "noncharacter", "a code point that Unicode reserves for internal use"
    BIDI_CONTROL = "bidi_control", "an override that shows text in another order than it is read"
    CONTROL_TOKEN = "control_token", "text holds one of Qwen3's 26 control tokens and would steer the model"
    ROLE_UNKNOWN = "role_unknown", "a speaker that Qwen3's template does not know"
    ROLE_ORDER = (
        "role_order",
        "a turn stands where no chat has one; the detail says which, and what would read it",
    )
    MEDIA = "media", "the row comes with an image, a video or sound, which a model of text cannot see"
    PROMPT_WITHHELD = "prompt_withheld", "the text of a user turn is null: the set's owner withholds it"
    EMPTY_TURN = "empty_turn", "a turn without text and without tool calls"
    NO_FINAL_ASSISTANT = "no_final_assistant", "no turn is the assistant's: nothing to learn"
    TOOL_CALL_INVALID = "tool_call_invalid", "a tool call that is not a name and an object of arguments"
    TOOLS_INVALID = "tools_invalid", "the tool list is not a list of JSON objects"
    WEIGHT_FRACTIONAL = "weight_fractional", "a turn has a weight between 0 and 1: it can be learned or not"
    ALL_CONTEXT = "all_context", "every answer is marked as context: nothing to learn"
    THINK_MISSING = "think_missing", "a source of reasoning traces, but no trace in this row"
    THINK_UNEXPECTED = "think_unexpected", "a trace in a source that is declared to have none"
    THINK_UNCLOSED = "think_unclosed", "the trace opens and never closes: cut off"
    THINK_UNOPENED = "think_unopened", "the trace closes and was never opened"
    THINK_REPEATED = "think_repeated", "several traces in one turn: the template would delete all but one"
    THINK_NESTED = "think_nested", "a trace inside a trace: the template would delete the outer one"
    THINK_NOT_FIRST = "think_not_first", "text before the trace: the template would delete it"
    THINK_FOREIGN_TAG = "think_foreign_tag", "the trace is marked by another model's tags"
    THINK_NO_ANSWER = "think_no_answer", "a trace without an answer after it"

    # rules: a valid row, but its source does not want rows with its flags
    NOT_SELECTED = "not_selected", "it is not one of the rows that the source's `select` wants"

    # dedup: a good row, but an evaluation asks the same, or another row says it
    EVAL_OVERLAP = "eval_overlap", "repeats words of an evaluation's question"
    EXACT_DUP = "exact_dup", "the same conversation, character for character, is kept elsewhere"
    NEAR_DUP = "near_dup", "nearly the same question is kept elsewhere"
    SOLUTION_CAP = "solution_cap", "the problem already has as many solutions as the recipe allows"

    # render: a good row, but not trainable in this form
    MODE_UNSUPPORTED = "mode_unsupported", "the model's template cannot express this row's thinking mode"
    ROUND_TRIP = "round_trip", "the rendered text does not read back as the same conversation"
    SEAM = "seam", "a token spans the end of the prompt: the answer begins with white space"
    TOO_LONG = "too_long", "more tokens than the recipe allows; never cut, so left out"

    # mix: a good example, but the shares had no room for it
    NOT_SAMPLED = "not_sampled", "not sampled: the shares were filled without it"


class Context(Worded):
    """Why a turn of a valid row is shown to the model and not learned, with the report's sentence."""

    SYSTEM = "system", "says how to answer"
    USER = "user", "asks"
    TOOL = "tool", "a tool's response"
    MARKED = "marked", "an answer that its author marks as not to be learned"
    OPENING = "opening", "an assistant's turn before anybody asks"
    HISTORY = "history", "an earlier answer, where the recipe supervises the last one alone"
    UNTRACED = "untraced", "an earlier answer without a trace, where the recipe requires one"
