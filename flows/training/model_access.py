"""Whether a model can be had at all, asked before anything slow: one question to the hub, a short wait."""

from http import HTTPStatus

from httpx2 import HTTPError, InvalidURL, LocalProtocolError, UnsupportedProtocol
from huggingface_hub import constants, get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from thinkmix.flows.sources.http import plain_address
from thinkmix.flows.sources.hub import endpoint, headers
from thinkmix.schemas.errors import TrainError
from thinkmix.train.model.names import check_name, hub_id

_CONFIG = "config.json"
_PATIENCE = 10.0
"""Seconds."""


def check_access(model: str) -> None:
    """Refuse a model of the hub that is not on this machine and that the hub does not give.

    An answer that says nothing of this is left to the libraries that load models.

    Raises:
        TrainError: with the way out: a folder, HF_ENDPOINT or a token.
    """
    check_name(model)
    if (name := hub_id(model)) is None:
        return
    try:
        if isinstance(try_to_load_from_cache(name, _CONFIG), str):
            return
        address = hf_hub_url(name, _CONFIG, endpoint=endpoint())
    except HFValidationError:
        return
    own = "name a folder that holds it"
    if constants.HF_HUB_OFFLINE:
        msg = f"model {name} is not on this machine, and HF_HUB_OFFLINE is set: unset it, or {own}"
        raise TrainError(msg)
    at = plain_address(endpoint())
    try:
        answer = get_session().head(address, headers=headers(), timeout=_PATIENCE, follow_redirects=True)
    except (UnsupportedProtocol, InvalidURL, LocalProtocolError, UnicodeEncodeError):
        msg = f"model {name}: cannot even ask {at!r}: correct HF_ENDPOINT (or HF_TOKEN), or {own}"
        raise TrainError(msg) from None
    except HTTPError as error:
        reason = f"model {name} is not on this machine, and {at} does not answer ({type(error).__name__})"
        msg = f"{reason}: {own}, or set HF_ENDPOINT to a mirror"
        raise TrainError(msg) from None
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        msg = f"model {name}: {at} answered {answer.status_code}: it does not exist, or is private or gated"
        raise TrainError(f"{msg}: check the name, set HF_TOKEN to a token that opens it, or {own}")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        msg = f"model {name}: {at} has none with a {_CONFIG}: check the name, or {own}"
        raise TrainError(msg)
