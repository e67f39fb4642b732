"""The upload to a Hugging Face Hub, through its own client: one commit, whose files are compared afterwards.

A push that broke off goes on: the hub takes no content twice. Whether a commit landed is asked of the hub,
for its answer may be lost on the way: an error after which all files are there is no failure.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from thinkmix.schemas.errors import PushError

_ROWS = ("train-*.parquet", "eval-*.parquet")
"""Files that the card has loaded as rows; others that a version does not hold are left as they are."""


class Digests(NamedTuple):
    """Of one file: a hub states one of the two, by the way in which it keeps the file."""

    sha256: str
    git: str


class Sent(NamedTuple):
    """What a push came to."""

    commit: str
    url: str
    new: int
    """Files that the hub did not have."""
    removed: int
    """Files of rows that the dataset had and this version does not."""


def send(folder: Path, digests: Mapping[str, Digests], *, repo: str, public: bool, message: str) -> Sent:
    """Make a dataset hold the files of a folder and no other rows, in one commit.

    Args:
        folder: the files, without sub-folders.
        digests: of each file, by name.
        repo: organisation/name.
        public: whether everyone may see it; a dataset that is there already must be so, or be not.
        message: of the commit.

    Raises:
        PushError: if the hub refuses or does not answer, or holds other files than were sent.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi  # noqa: PLC0415 - slow
    from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

    from thinkmix.flows.sources.hub import endpoint  # noqa: PLC0415

    disable_progress_bars()
    api = HfApi(endpoint=endpoint())
    with _told(repo):
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        about = api.repo_info(repo, repo_type="dataset")
        if not public and about.private is not True:
            msg = f"{repo} is public: everyone would see this version; push to another name, or say --public"
            raise PushError(msg)
        if public and about.private is not False:
            way = "make it public on its page, where its earlier commits are, or push to another name"
            msg = f"{repo} is private, and --public does not change a dataset that is there already; {way}"
            raise PushError(msg)
        start = str(about.sha)
        there = _listed(api, repo, start)
    stale = _stale(there, digests)
    new = sorted(name for name, digest in digests.items() if there.get(name) not in digest)
    if not new and not stale:
        return Sent(start, _url(repo, start), 0, 0)
    operations: list[Any] = [
        *(CommitOperationAdd(name, str(folder / name)) for name in new),
        *(CommitOperationDelete(name) for name in stale),
    ]
    try:
        # The hub refuses the commit if another was made meanwhile: `new` and `stale` hold for this one.
        made = api.create_commit(
            repo, operations, commit_message=message, repo_type="dataset", parent_commit=start
        )
        commit = str(made.oid)
    except Exception as error:
        with _told(repo, after=error):
            commit = str(api.repo_info(repo, repo_type="dataset").sha)
            if commit == start or _wrong(_listed(api, repo, commit), digests):
                raise  # otherwise it landed, and its answer was lost
    with _told(repo):
        if wrong := _wrong(_listed(api, repo, commit), digests):
            msg = f"{repo} does not hold what was sent: {', '.join(wrong[:5])}; push again"
            raise PushError(msg)
    return Sent(commit, _url(repo, commit), len(new), len(stale))


def _listed(api: Any, repo: str, commit: str) -> dict[str, str]:  # noqa: ANN401 - the client's class takes a second to import
    """Return the digest of each file at a commit by name: sha256 of large ones, git's own of small ones."""
    found: dict[str, str] = {}
    for item in api.list_repo_tree(repo, repo_type="dataset", revision=commit, recursive=True):
        if hasattr(item, "blob_id"):
            found[item.path] = item.lfs.sha256 if item.lfs else str(item.blob_id)
    return found


def _wrong(there: Mapping[str, str], digests: Mapping[str, Digests]) -> list[str]:
    """Return the files that are not there as they were sent, or that should be gone."""
    missing = [name for name, digest in digests.items() if there.get(name) not in digest]
    return missing + _stale(there, digests)


def _stale(there: Mapping[str, str], digests: Mapping[str, Digests]) -> list[str]:
    """Return the files that would be loaded as rows but are not of the version."""
    return sorted(
        name for name in there.keys() - digests.keys() if any(fnmatchcase(name, pattern) for pattern in _ROWS)
    )


def _url(repo: str, commit: str) -> str:
    """Return the page of a commit, without a password that HF_ENDPOINT may have."""
    from thinkmix.flows.sources.http import plain_address  # noqa: PLC0415
    from thinkmix.flows.sources.hub import endpoint  # noqa: PLC0415 - as above

    return f"{plain_address(endpoint())}/datasets/{repo}/tree/{commit}"


@contextmanager
def _told(repo: str, after: Exception | None = None) -> Iterator[None]:
    """Turn what the client raises into a sentence with the way out; no address with a secret is in it."""
    from httpx2 import HTTPError, InvalidURL, LocalProtocolError, UnsupportedProtocol  # noqa: PLC0415 - as above
    from huggingface_hub import get_token  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

    try:
        yield
    except PushError:
        raise
    except Exception as error:
        cause: BaseException = after or error
        while cause.__cause__ is not None and not isinstance(cause, HfHubHTTPError | HTTPError):
            cause = cause.__cause__
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in (401, 403):
            token = "this token" if get_token() else "to take it without a token"
            msg = f"{repo}: the hub refuses {token}; set HF_TOKEN to one that may write there"
        elif status == 404:
            msg = f"{repo}: the hub has no such organisation, or HF_TOKEN may not see it"
        elif status in (409, 412):
            msg = f"{repo}: another commit was made meanwhile; see what it holds, then push again"
        elif status is not None:
            msg = f"{repo}: the hub answers {status}; what was sent stays there, push again to go on"
        elif isinstance(cause, OfflineModeIsEnabled):
            msg = f"{repo}: HF_HUB_OFFLINE is set; unset it to push"
        elif isinstance(cause, InvalidURL | LocalProtocolError | UnsupportedProtocol | UnicodeEncodeError):
            msg = (
                f"{repo}: cannot even ask the hub; correct HF_ENDPOINT, or HF_TOKEN if it has odd characters"
            )
        elif isinstance(cause, HTTPError | OSError):
            msg = f"{repo}: the hub does not answer ({type(cause).__name__}); push again to go on"
        else:
            raise
        raise PushError(msg) from None
