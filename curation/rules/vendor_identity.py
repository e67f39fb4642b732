"""The rule on answers that say that another provider's model speaks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.marked import find_marked

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_MODEL = (
    r"(?:ChatGPT|GPT-?[345]\w{0,2}|Claude|Gemini|Bard|Copilot|DeepSeek|LLaMA|Llama|Mistral|Vicuna|Koala|Alpaca"
    r"|Grok|Kimi|ChatGLM|Open ?Assistant|Qwen)"
)
_MAKER = (
    r"(?:OpenAI|Anthropic|Google|DeepMind|DeepSeek|Meta|Microsoft|Mistral|Alibaba|Baidu|Moonshot|xAI|LAION"
    r"|(?:researchers (?:from|at) )?Large Model Systems)"
)
_IDENTITY = (
    rf"\b(?:I am|I['’]m|[Mm]y name is|[Aa]s|[Tt]his is) (?:called )?{_MODEL}(?:,|\.|!| and I\b|$)"
    r"|\b(?:I am|I['’]m|I was|[Aa]s|[Mm]y name is \w+, and I['’]m) (?:just )?(?:an? )?"
    r"(?:(?:large |AI |artificial intelligence |chat ?bot |chat |virtual |language |powerful )*"
    r"(?:model|assistant|AI|bot|chatbot|program),? )?(?:that was |which was )?"
    rf"(?:trained|developed|created|made|built|designed) by {_MAKER}\b"
    rf"|我(?:是|叫)(?:一个|一款)?(?:{_MODEL}|文心一言|讯飞星火|豆包|通义千问|智谱清言)"
    rf"|我是(?:一个|一款|一名)?由? ?(?:{_MAKER}|百度|阿里巴巴|阿里云|字节跳动|腾讯|智谱|科大讯飞|月之暗面) ?"
    r"(?:公司)?(?:的研究人员)?(?:训练|开发|创建|研发|创造|打造)"
)


class VendorIdentity(Rule):
    """Whether an answer says that a model of a provider speaks: `I'm Claude`, `made by OpenAI`, `我是豆包`.

    A model that learns such rows says so of itself. The value is the number of such places, and the evidence
    the first one. `Qwen` and `Alibaba` are found, too: the name that your model is to have is yours to say.
    """

    name: ClassVar[str] = "vendor_identity"
    sentence: ClassVar[str] = "an answer says that a model of a certain provider speaks"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such an answer."""
        return find_marked(turns, _IDENTITY)
