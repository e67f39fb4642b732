"""A hub on 127.0.0.1 that speaks the protocols of Hugging Face and ModelScope, and misbehaves on demand.

By hand: `python tests/harness/loopback_hub.py --tree DIR` serves every DIR/ORG/NAME as dataset ORG/NAME,
prints the endpoint (for HF_ENDPOINT or MODELSCOPE_ENDPOINT) and runs until it is interrupted. What it serves
follows what the clients ask for; the real hubs may answer with more.
"""

import argparse
import base64
import hashlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

Kind = Literal[
    "flip",  # one bit of the body is wrong
    "cut",  # the connection ends after `after` bytes
    "reset",  # the connection is reset after `after` bytes
    "stall",  # nothing more comes after `after` bytes
    "html",  # a web page with status 200
    "status",  # an error status, with Retry-After if `retry_after` is set
    "vanish",  # 404, as if the file had been removed
    "ignore_range",  # the whole file, although a part was asked for
    "wrong_range",  # another part than was asked for, and it says so
    "lying_range",  # another part than was asked for, labelled as the right one
    "longer",  # more bytes than the file has, without a Content-Length
    "landed",  # a commit is made, and its answer is an error
]
_RANGE_KINDS = ("ignore_range", "wrong_range", "lying_range")
_BODY_KINDS = ("flip", "cut", "longer", *_RANGE_KINDS)
_BREAKS = ("reset", "stall")
_BLOCK = 1 << 20


@dataclass
class Fault:
    """One misbehaviour, for requests whose path matches `pattern`; `times` None means always."""

    pattern: str
    kind: Kind
    times: int | None = 1
    after: int = 0
    status: int = 503
    retry_after: int | None = None


class Request(NamedTuple):
    """One line of the request log; `path` ends with the file's path for both hubs."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    status: int


@dataclass(frozen=True)
class Content:
    """A file of a commit, in memory or on disk, and its digests."""

    source: bytes | Path
    size: int
    sha256: str
    blob_sha1: str
    lfs: bool

    def part(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`."""
        if isinstance(self.source, bytes):
            yield self.source[start:end]
            return
        with self.source.open("rb") as stream:
            stream.seek(start)
            while start < end and (block := stream.read(min(_BLOCK, end - start))):
                start += len(block)
                yield block


@dataclass
class Dataset:
    """All commits of one dataset; branches are names for commits."""

    commits: dict[str, dict[str, Content]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    """Needed to read it; None means public."""
    private: bool = False


@dataclass
class LoopbackHub:
    """The datasets, the faults and the request log of one running server."""

    page_size: int = 1000
    """Files on one page of a listing."""
    redirect: bool = False
    """Send file requests on to another host name, as hubs do to their storage."""
    listed_size: int | None = None
    """What listings claim about every file's size, instead of the truth."""
    datasets: dict[str, Dataset] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded as a large file, by sha256."""
    writer: str | None = None
    """Token that may write; None lets anyone."""
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: "_Server | None" = None
    _port: int = 0

    @property
    def endpoint(self) -> str:
        """Return the address for HF_ENDPOINT and MODELSCOPE_ENDPOINT."""
        return f"http://127.0.0.1:{self._port}"

    def add(
        self,
        name: str,
        files: Path | Mapping[str, bytes],
        *,
        commit: str | None = None,
        branches: tuple[str, ...] = ("main", "master"),
        token: str | None = None,
    ) -> str:
        """Add a commit (a folder, or contents by path), point branches at it, and return its id."""
        found = {path: _content(path, source) for path, source in _sources(files)}
        listing = "".join(f"{path} {file.sha256}\n" for path, file in sorted(found.items()))
        commit = commit or hashlib.sha1(listing.encode()).hexdigest()
        dataset = self.datasets.setdefault(name, Dataset())
        dataset.commits[commit] = found
        dataset.branches |= dict.fromkeys(branches, commit)
        dataset.token = token
        return commit

    def forget(self, name: str, revision: str) -> None:
        """Remove a commit and the branches that point at it."""
        dataset = self.datasets[name]
        commit = dataset.branches.get(revision, revision)
        del dataset.commits[commit]
        dataset.branches = {branch: at for branch, at in dataset.branches.items() if at != commit}

    def fault(self, pattern: str, kind: Kind, **settings: int | None) -> None:
        """Plan a misbehaviour; see `Fault`."""
        self.faults.append(Fault(pattern, kind, **settings))

    def bodies(self, pattern: str = "*") -> list[Request]:
        """Return the requests for contents of files."""
        gets = [one for one in self.requests if one.method == "GET" and fnmatchcase(one.path, pattern)]
        apis = ("/api/datasets/*", "*/repo/tree", "*/revisions")
        return [one for one in gets if not any(fnmatchcase(one.path, api) for api in apis)]

    def take_fault(self, subject: str, *, is_body: bool, has_range: bool) -> Fault | None:
        """Return the fault that is due for this request, and count it."""
        with self._lock:
            for fault in self.faults:
                fits = fnmatchcase(subject, fault.pattern) and (is_body or fault.kind not in _BODY_KINDS)
                if not fits or fault.times == 0 or (fault.kind in _RANGE_KINDS and not has_range):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def log(self, request: Request) -> None:
        """Note a request."""
        with self._lock:
            self.requests.append(request)

    def up(self, port: int = 0) -> None:
        """Start listening, on the port of last time if there was one."""
        self.closing.clear()
        self._server = _Server(self, port or self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Stop listening: connections are refused."""
        if self._server is not None:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None


@contextmanager
def serve(
    tree: Path | None = None, *, commits: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[LoopbackHub]:
    """Run a hub; `tree` holds ORG/NAME folders, `commits` the ids to give them."""
    hub = LoopbackHub()
    for folder in sorted(tree.glob("*/*")) if tree else ():
        name = f"{folder.parent.name}/{folder.name}"
        hub.add(name, folder, commit=(commits or {}).get(name))
    hub.up(port)
    try:
        yield hub
    finally:
        hub.down()


def _sources(files: Path | Mapping[str, bytes]) -> Iterator[tuple[str, bytes | Path]]:
    if isinstance(files, Path):
        yield from ((path.relative_to(files).as_posix(), path) for path in files.rglob("*") if path.is_file())
    else:
        yield from files.items()


def _content(path: str, source: bytes | Path) -> Content:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
    for block in Content(source, size, "", "", lfs=False).part(0, size):
        sha256.update(block)
        git.update(block)
    lfs = path.endswith((".parquet", ".gz", ".zst")) or size > 10 << 20
    return Content(source, size, sha256.hexdigest(), git.hexdigest(), lfs)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, hub: LoopbackHub, port: int) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request, client_address) -> None:
        """Keep count of connections: idle ones would go on answering after the end."""
        self.open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End all connections."""
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request) -> None:
        """Close; without the orderly farewell where a reset is wanted."""
        self.open.discard(request)
        if struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) == (1, 0):
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients that hang up are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format, *args) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.subject = "/".join([unquote(parts.path), *filter(None, [self.query.get("FilePath")])])
        self.body = self._body()
        self.form = self.body.decode(errors="replace")
        segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
        is_body = self.command == "GET" and (segments[0] in ("datasets", "cdn") or segments[-1] == "repo")
        self.fault = self.server.hub.take_fault(
            self.subject, is_body=is_body, has_range="Range" in self.headers
        )
        if self.fault and self.fault.kind not in ("landed", *(_BODY_KINDS + _BREAKS if is_body else ())):
            self._misbehave(self.fault)
            return
        match segments:
            case ["api", "repos", "create"]:
                self._create()
            case ["api", "validate-yaml"]:
                self._json({"errors": [], "warnings": []})
            case ["api", "datasets", org, name, "preupload" | "commit" as what, revision]:
                self._write(f"{org}/{name}", what, revision)
            case ["datasets", org, git, "info", "lfs", "objects", "batch"]:
                self._lfs(f"{org}/{git.removesuffix('.git')}")
            case ["lfs", oid]:
                self.server.hub.stored[oid] = self.body
                self._json({})
            case ["api", "datasets", org, name, *rest]:
                self._hf_api(f"{org}/{name}", rest)
            case ["datasets" | "cdn" as root, org, name, "resolve", revision, *path]:
                self._hf_file(root, f"{org}/{name}", revision, "/".join(path))
            case ["api", "v1", "datasets", org, name, *rest]:
                self._modelscope(f"{org}/{name}", rest)
            case _:
                self._json({"error": "no such endpoint"}, status=404)

    def _misbehave(self, fault: Fault) -> None:
        if fault.kind == "status":
            asked = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            self._json({"error": "trouble"}, status=fault.status, headers=asked)
        elif fault.kind == "vanish":
            self._missing("EntryNotFound")
        elif fault.kind == "html":
            self._head(200, {"Content-Type": "text/html"}, None)
            self.wfile.write(b"<html>Please log in to the network</html>")
        else:
            self.close_connection = True
            self._log(0)
            self._end(fault)

    def _end(self, fault: Fault) -> None:
        """Break the connection off in the middle."""
        self.close_connection = True
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault.kind == "stall":
            self.server.hub.closing.wait(60)

    def _find(self, name: str, revision: str) -> tuple[str, dict[str, Content]] | None:
        """Return (commit, its files), or answer why not."""
        dataset = self.server.hub.datasets.get(name)
        if dataset is None:
            self._missing("RepoNotFound")
            return None
        given = self.headers.get("Authorization", ""), self.headers.get("Cookie", "")
        if dataset.token and not any(dataset.token in text for text in given):
            error = {"X-Error-Code": "RepoNotFound"} if not any(given) else {"X-Error-Code": "GatedRepo"}
            self._json({"error": "denied"}, status=403 if any(given) else 401, headers=error)
            return None
        commit = dataset.branches.get(revision, revision)
        if commit not in dataset.commits:
            self._missing("RevisionNotFound")
            return None
        return commit, dataset.commits[commit]

    def _hf_api(self, name: str, rest: list[str]) -> None:
        what, revision = (rest[0] if rest else "revision"), (rest[1] if len(rest) > 1 else "main")
        if (found := self._find(name, revision)) is None:
            return
        commit, files = found
        if what == "revision":
            siblings = [{"rfilename": path} for path in sorted(files)]
            private = self.server.hub.datasets[name].private
            about = {"id": name, "sha": commit, "private": private, "tags": [], "siblings": siblings}
            self._json(about)
        elif what == "refs":
            branches = self.server.hub.datasets[name].branches.items()
            refs = [
                {"name": one, "ref": f"refs/heads/{one}", "targetCommit": commit} for one, commit in branches
            ]
            self._json({"branches": refs, "tags": [], "converts": []})
        elif what == "paths-info":
            asked = parse_qs(self.form).get("paths") or json.loads(self.form or "{}").get("paths", [])
            self._json([item for item in self._hf_items(files, "") if item["path"] in asked])
        else:
            self._hf_tree(files, "/".join(rest[2:]))

    def _body(self) -> bytes:
        """Return the body of the request, which a client may send in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _may_write(self) -> bool:
        """Return whether the token may write, or answer that it may not."""
        writer = self.server.hub.writer
        given = self.headers.get("Authorization", "")
        if writer and writer not in given:
            self._json({"error": "denied"}, status=403 if given else 401)
            return False
        return True

    def _create(self) -> None:
        if not self._may_write():
            return
        asked, hub = json.loads(self.form), self.server.hub
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        there = name in hub.datasets
        if not there:
            hub.add(name, {".gitattributes": b"*.parquet filter=lfs\n"})
            private = asked.get("private", asked.get("visibility") == "private")
            hub.datasets[name].private = bool(private)
        told = {"url": f"{hub.endpoint}/datasets/{name}", "name": name, "id": name}
        self._json(told, status=409 if there else 200)

    def _lfs(self, name: str) -> None:
        """Say which objects must be sent, and where to: none that is stored already."""
        if not self._may_write():
            return
        hub = self.server.hub
        objects = [
            one
            if one["oid"] in hub.stored
            else {**one, "actions": {"upload": {"href": f"{hub.endpoint}/lfs/{one['oid']}"}}}
            for one in json.loads(self.form)["objects"]
        ]
        self._json({"objects": objects, "transfer": "basic"})

    def _write(self, name: str, what: str, revision: str) -> None:
        if not self._may_write() or (found := self._find(name, revision)) is None:
            return
        parent, files = found
        if what == "preupload":
            told = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".parquet") else "regular",
                    "shouldIgnore": False,
                    "oid": files[one["path"]].blob_sha1 if one["path"] in files else None,
                }
                for one in json.loads(self.form)["files"]
            ]
            self._json({"files": told})
            return
        header = json.loads(self.form.splitlines()[0])["value"]
        if header.get("parentCommit") not in (None, parent):
            self._json({"error": "the branch has moved"}, status=412)
            return
        commit = self._commit(name, parent, files, revision)
        if self.fault and self.fault.kind == "landed":
            self._json({"error": "trouble"}, status=self.fault.status)
            return
        where = f"{self.server.hub.endpoint}/datasets/{name}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": where, "hookOutput": ""})

    def _commit(self, name: str, parent: str, files: dict[str, Content], revision: str) -> str:
        """Make a commit out of lines of JSON, and return its id."""
        hub, changed = self.server.hub, dict(files)
        for line in map(json.loads, self.form.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                changed[value["path"]] = _content(value["path"], base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                changed[value["path"]] = _content(value["path"], hub.stored[value["oid"]])
            elif line["key"] == "deletedFile":
                del changed[value["path"]]
        listing = "".join(f"{path} {file.sha256}\n" for path, file in sorted(changed.items()))
        commit = hashlib.sha1(f"{parent}{listing}".encode()).hexdigest()
        hub.datasets[name].commits[commit] = changed
        hub.datasets[name].branches[revision] = commit
        return commit

    def _hf_tree(self, files: dict[str, Content], folder: str) -> None:
        deep = self.query.get("recursive", "").lower() == "true"
        items = [item for item in self._hf_items(files, folder) if deep or self._is_child(item, folder)]
        start, size = int(self.query.get("cursor", "0")), self.server.hub.page_size
        headers = {}
        if start + size < len(items):
            # As through a mirror: the address of the next page is on another host.
            headers["Link"] = f'<http://hub.invalid/next?recursive=true&cursor={start + size}>; rel="next"'
        self._json(items[start : start + size], headers=headers)

    def _hf_items(self, files: dict[str, Content], folder: str) -> list[dict]:
        inside = {path: file for path, file in files.items() if path.startswith(folder)}
        parents = {str(parent) for path in inside for parent in Path(path).parents} - {".", "/", folder}
        items = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in parents]
        for path, file in inside.items():
            size = self._listed(file)
            item = {"type": "file", "oid": file.blob_sha1, "size": size, "path": path}
            if file.lfs:
                item["lfs"] = {"oid": file.sha256, "size": size, "pointerSize": 134}
            items.append(item)
        return sorted(items, key=lambda item: item["path"])

    def _is_child(self, item: dict, folder: str) -> bool:
        return str(Path(item["path"]).parent) == (folder or ".")

    def _listed(self, file: Content) -> int:
        claimed = self.server.hub.listed_size
        return file.size if claimed is None else claimed

    def _hf_file(self, root: str, name: str, revision: str, path: str) -> None:
        if root == "datasets" and self.server.hub.redirect and self.command == "GET":
            port = self.server.server_address[1]
            place = f"http://localhost:{port}/cdn/{name}/resolve/{revision}/{quote(path)}?signature=secret"
            self._send(302, {"Location": place}, [])
            return
        if (found := self._find(name, revision)) is None:
            return
        commit, files = found
        if path not in files:
            self._missing("EntryNotFound", commit)
            return
        file = files[path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.blob_sha1}"'}
        if file.lfs:
            headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
        self._file(file, headers)

    def _modelscope(self, name: str, rest: list[str]) -> None:
        if (found := self._find(name, self.query.get("Revision", "master"))) is None:
            return
        _, files = found
        if rest == ["repo", "tree"]:
            number, size = int(self.query.get("PageNumber", "1")), int(self.query.get("PageSize", "200"))
            items = [
                {"Path": path, "Name": Path(path).name, "Type": "blob", "Size": self._listed(file)}
                | {"Sha256": file.sha256}
                for path, file in sorted(files.items())
            ]
            self._json({"Code": 200, "Data": {"Files": items[(number - 1) * size : number * size]}})
        elif rest == ["repo"] and self.query.get("FilePath") in files:
            self._file(files[self.query["FilePath"]], {})
        else:
            self._missing("EntryNotFound")

    def _file(self, file: Content, headers: dict[str, str]) -> None:
        """Send a file or the part that was asked for, as the due fault has it."""
        kind = self.fault.kind if self.fault else None
        start, end, status = self._span(file.size, kind)
        shift = 7 if kind in ("wrong_range", "lying_range") else 0
        headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if status == 206:
            said = start - shift if kind == "wrong_range" else start
            headers["Content-Range"] = f"bytes {said}-{end - 1}/{file.size}"
        self._head(status, headers, None if kind == "longer" else end - start)
        if self.command == "HEAD":
            return
        blocks = file.part(start - shift, end - shift)
        if kind in ("flip", "cut", "longer", *_BREAKS):
            self._spoil(b"".join(blocks))
            return
        for block in blocks:
            self.wfile.write(block)

    def _spoil(self, body: bytes) -> None:
        if self.fault.kind == "flip":
            middle = len(body) // 2
            self.wfile.write(body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
        elif self.fault.kind == "longer":
            self.wfile.write(body + b"more than was promised")
        else:
            self.wfile.write(body[: self.fault.after])
            self._end(self.fault)

    def _span(self, size: int, kind: str | None) -> tuple[int, int, int]:
        """Return (start, end, status) of what the Range header asks for."""
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if not asked or kind == "ignore_range":
            return 0, size, 200
        first, _, last = asked.partition("-")
        return int(first), int(last) + 1 if last else size, 206

    def _missing(self, code: str, commit: str | None = None) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code}
        self._json(
            {"error": code}, status=404, headers=headers | ({"X-Repo-Commit": commit} if commit else {})
        )

    def _json(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._send(status, {"Content-Type": "application/json"} | dict(headers or {}), [body])

    def _send(self, status: int, headers: Mapping[str, str], blocks: list[bytes]) -> None:
        self._head(status, headers, sum(map(len, blocks)))
        if self.command != "HEAD":
            self.wfile.write(b"".join(blocks))

    def _head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        self._log(status)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _log(self, status: int) -> None:
        asked, authorization = self.headers.get("Range"), self.headers.get("Authorization")
        self.server.hub.log(Request(self.command, self.subject, asked, authorization, status))


def main() -> None:
    """Serve a tree until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True, help="folder with ORG/NAME datasets in it")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--commit", action="append", default=[], metavar="ORG/NAME=SHA", help="id to give it")
    arguments = parser.parse_args()
    commits = dict(one.split("=", 1) for one in arguments.commit)
    with serve(arguments.tree, commits=commits, port=arguments.port) as hub:
        for name, dataset in hub.datasets.items():
            sys.stdout.write(f"{name} at {dataset.branches['main']}\n")
        sys.stdout.write(f"{hub.endpoint}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
