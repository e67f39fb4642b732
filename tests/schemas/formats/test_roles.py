"""Names of speakers, and the roles that they have."""

import pytest
from pydantic import TypeAdapter, ValidationError

from thinkmix.schemas.formats.roles import Roles, nearest_role, role_of

NAMES = [
    ("system", "system developer sys system_prompt input"),
    ("user", "user human prompter usr question instruction customer"),
    (
        "assistant",
        "assistant gpt chatgpt gpt_3.5 gpt_3.5_turbo gpt_4 gpt_4o bing bard claude gemini ai bot chatbot "
        "model agent response answer output",
    ),
    ("function_call", "function_call tool_call function_calls tool_calls"),
    (
        "tool",
        "tool function observation tool_response function_response tool_result function_result tool_output "
        "ipython",
    ),
]
ROLES: TypeAdapter[Roles] = TypeAdapter(Roles)


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in NAMES for name in names.split()])
def test_each_usual_name_has_its_role(role: str, name: str) -> None:
    """Words may be joined by an underscore, a dash, a space or nothing; marks may stand around them."""
    for joint in ("_", "-", " ", ""):
        assert role_of(name.replace("_", joint), {}) == role
    for mark in (" ", "\t", "\r", "\n", "<", "|", ">", "[", "]", "#", ":", "<|", "|>"):
        assert role_of(f"{mark}{name.upper()}{mark}", {}) == role


@pytest.mark.parametrize("name", ["", "critic", "users", "us.er", "(user)", "*user*"])
def test_all_other_names_have_none(name: str) -> None:
    """However much alike."""
    assert role_of(name, {}) is None


def test_a_name_has_64_characters_at_most() -> None:
    """But for one that the recipe names."""
    assert role_of("user".ljust(64), {}) == "user"
    assert role_of("user".ljust(65), {}) is None
    assert role_of("user".ljust(65), {"user": "tool"}) == "tool"


def test_names_of_the_recipe_come_first() -> None:
    """In any spelling, and the first of them that fits."""
    more = {"Narrator One": "system", "human": "assistant", "NARRATOR_ONE": "tool"}
    assert role_of("narrator-one", more) == "system"
    assert role_of("<|human|>", more) == "assistant"
    assert role_of("user", more) == "user"
    assert role_of("critic", more) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("asistant", ", perhaps 'assistant' is meant"),
        ("sytem prompt", ", perhaps 'system_prompt' is meant"),
        ("gpt 4 o", ", perhaps 'gpt_4o' is meant"),
        ("xyzzy", ""),
        ("", ""),
        ("asistant" + "x" * 9, ", perhaps 'assistant' is meant"),
        ("asistant" + "x" * 10, ""),
    ],
)
def test_the_known_name_that_is_most_like_another_is_told(name: str, words: str) -> None:
    """As the list writes it; nothing, if none is."""
    assert nearest_role(name) == words


@pytest.mark.parametrize(
    ("role", "meant"),
    [
        ("gpt", "; did you mean `assistant`?"),
        ("human", "; did you mean `user`?"),
        ("asistant", "; did you mean `assistant`?"),
        ("tol", "; did you mean `tool`?"),
        ("xyz", ""),
    ],
)
def test_a_role_that_is_none_is_told_with_those_that_there_are(role: str, meant: str) -> None:
    """And with the one that is meant, if any is like it."""
    with pytest.raises(ValidationError) as caught:
        ROLES.validate_python({"narrator": role})
    (error,) = caught.value.errors()
    there = "there are system, user, assistant, function_call, tool"
    assert error["msg"] == f"Value error, {role!r} is not a role, {there}{meant}"


def test_roles_of_100_speakers_may_be_stated() -> None:
    """Their names have 256 characters at most; a role is text."""
    ROLES.validate_python({f"{number}".rjust(256): "user" for number in range(100)})
    for wrong in ({f"{number}": "user" for number in range(101)}, {"x" * 257: "user"}, {"x": 7}, {"x": None}):
        with pytest.raises(ValidationError):
            ROLES.validate_python(wrong)
    for role, _ in NAMES:
        assert ROLES.validate_python({"x": role}) == {"x": role}
