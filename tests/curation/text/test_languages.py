"""Languages of texts, by their scripts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.text.languages import LANGUAGES, languages

CODE = "```python\nfor the_word in words: print(the_word)  # the word of the list\n```"
TEXTS = {
    "": "other",
    "12 + 30 = 42": "other",
    "Find the value of x.": "en",
    "Hello!": "en",
    "求解方程 x^2=3 的根，其中 \\frac{a}{b} 是常数。": "zh",
    "用 pandas 的 DataFrame 读取 CSV 文件并计算平均值": "zh",
    "𠀀𠀁": "zh",
    "これは日本語の文章です。漢字も含む。": "ja",
    "안녕하세요, 반갑습니다.": "ko",
    "Привет, как дела?": "ru",
    "مرحبا بالعالم": "other",
    "¿Cuál es la capital de España?": "other",
    "Gestern bin ich mit dem Zug nach Berlin gefahren, weil meine Schwester dort heute ihren dreißigsten "
    "Geburtstag mit vielen alten Freunden feiert.": "other",
    "I like red apples in the garden. 我喜欢花园里的红苹果，它们很好吃。": "mixed",
    CODE: "other",
    f"怎么打印列表里的单词？\n{CODE}": "zh",
    "self.x_1 += a[i]; b.count(2)": "other",
    "Greek letters α, β and π are no language of their own in the formulas that we write.": "en",
}


@pytest.mark.parametrize(("text", "want"), TEXTS.items())
def test_a_text_has_the_language_of_its_prose(text: str, want: str) -> None:
    """Code, formulas and numbers are of no language; a text that is half and half is mixed."""
    assert languages([text]).to_list() == [want]


@given(st.lists(st.text(), max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_language_depends_on_the_text_alone(texts: list[str]) -> None:
    """Any text has one of the languages, the same beside any other texts."""
    texts = [text.encode(errors="replace").decode() for text in texts]
    together = languages(texts).to_list()
    assert together == [languages([text]).to_list()[0] for text in texts]
    assert set(together) <= set(LANGUAGES)
