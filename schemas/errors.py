"""What a person must fix, as exceptions: each carries a code word and the exit code of its command.

ThinkmixError                 1
├── RecipeError               2   the recipe has an impossible value
├── NotFound                  2   what a person names is not there: a version, mixture, row, reason or source
├── Blocked                   3   a version was built, but a gate or a check keeps it from becoming current
├── NotApproved               2   what a person approves is not a blocked candidate, or no reason is given
├── NotRolledBack             2   what a person returns to is not a good version, or no reason is given
├── SourceError               4   a source cannot be read
│   ├── SourceNotFound            no such dataset, revision or file
│   ├── SourceDenied              the hub wants a (better) token
│   ├── SourceUnavailable         the hub did not answer, after retries
│   ├── SourceMoved               `--frozen`: a source is not what the current version was made from
│   └── SourceCorrupt             bytes differ from the sha256 that was promised
├── StoreError                5   the store cannot be written or does not hold what it promised
│   ├── StoreBusy            75   another build of the same mixture holds the lock (EX_TEMPFAIL)
│   ├── StoreCorrupt              a published or cached file differs from its manifest
│   ├── StoreFull                 no space left on the store's disk
│   └── TooFewFiles               this process may not open as many files as it needs
├── WorkerError               6   a worker process died twice on the same shard
│   ├── StageOom                  for want of memory (`stage_oom`)
│   └── WorkerDied                killed or crashed (`worker_died`)
├── ClusterError             11   the Dask cluster cannot be used: not there, gone, or another code
├── SchedulerError           12   the Prefect server cannot be used: none is named, or it does not answer
├── LedgerError               7   rows do not add up: a bug in Thinkmix, nothing is published
├── MixtureError              8   the shares cannot be reached with the rows that survived
│   └── SourceEmpty               no row of a source is left; the sentence says why
├── WorkspaceError           16   the workspace cannot be served: its port is taken
├── PushError                17   a hub does not take a version, or a licence forbids to pass it on
├── TemplateError             1   a message list that the chat template cannot render
└── TrainError               10   a training run that cannot start or go on
    ├── Forgotten            13   it made the model forget a protected source, so nothing was written
    └── ThinkingModeFailed     14   the trained model does not think when asked to, or when asked not to

`thinkmix report` ends with 3, too, if no current version may be trained on, and with `--strict` with 9 if the
last run failed.

A bad *row* is never an exception beyond its shard: it becomes a `Reason` in quarantine.
Keep them picklable (one message argument): they cross process borders.
"""

LAST_RUN_FAILED = 9
"""Exit code of `thinkmix report --strict` where the last run made no version."""


class ThinkmixError(Exception):
    """Root of everything that ends a command with a sentence instead of a traceback."""

    exit_code = 1
    code = "error"
    """Word that names the error to machines; it stays when classes are renamed."""


class RecipeError(ThinkmixError, ValueError):
    """The recipe, or a flag that overrides it, has an impossible value."""

    exit_code = 2
    code = "recipe_error"


class NotFound(ThinkmixError, LookupError):
    """What a person names is not there: no such version, mixture, row, reason or source."""

    exit_code = 2
    code = "not_found"


class Blocked(ThinkmixError):
    """A version was built whole, but a gate or a check failed: a person must look before it is trained on."""

    exit_code = 3
    code = "blocked"


class NotApproved(ThinkmixError, ValueError):
    """What a person wants to approve is not a blocked candidate, or no reason is given."""

    exit_code = 2
    code = "not_approved"


class NotRolledBack(ThinkmixError, ValueError):
    """What a person wants to return to is not a good version of the mixture, or they give no reason."""

    exit_code = 2
    code = "not_rolled_back"


class SourceError(ThinkmixError):
    """A source cannot be read."""

    exit_code = 4
    code = "source_error"


class SourceNotFound(SourceError, LookupError):
    """No such dataset, revision or file at the hub or on disk."""

    code = "source_not_found"


class SourceDenied(SourceError, PermissionError):
    """The hub refuses to serve the dataset with the token it was given."""

    code = "source_denied"


class SourceUnavailable(SourceError, ConnectionError):
    """The hub did not answer, or only with transient errors, until retries ran out."""

    code = "source_unavailable"


class SourceMoved(SourceError):
    """A source is not what the current version was made from, and a frozen build takes nothing else."""

    code = "source_moved"


class SourceCorrupt(SourceError):
    """Downloaded bytes differ from the sha256 that the hub promised for them."""

    code = "source_corrupt"


class StoreError(ThinkmixError, OSError):
    """The store cannot be written, or is not a store."""

    exit_code = 5
    code = "store_error"


class StoreBusy(StoreError):
    """Another build of the same mixture holds the lock; sysexits' EX_TEMPFAIL, so schedulers retry."""

    exit_code = 75
    code = "store_busy"


class StoreCorrupt(StoreError):
    """A published or cached file is not what its manifest says."""

    code = "store_corrupt"


class StoreFull(StoreError):
    """No space left where the store lies; what was published before is untouched."""

    code = "store_full"


class TooFewFiles(StoreError):
    """This process may not open as many files as it needs; what was published before is untouched."""

    code = "too_few_files"


class WorkerError(ThinkmixError):
    """A worker process died twice on the same shard (killed, out of memory, crashed)."""

    exit_code = 6
    code = "worker_error"


class StageOom(WorkerError):
    """A shard needs more memory than its worker may use, or than the machine has."""

    code = "stage_oom"


class WorkerDied(WorkerError):
    """A shard's worker was killed or crashed twice, not for want of memory as far as one can tell."""

    code = "worker_died"


class ClusterError(ThinkmixError):
    """The Dask cluster is not there, is gone, sees another store or runs other code than this build."""

    exit_code = 11
    code = "cluster_error"


class SchedulerError(ThinkmixError):
    """There is no lasting Prefect server to serve builds from, or it refuses the request."""

    exit_code = 12
    code = "scheduler_error"


class LedgerError(ThinkmixError):
    """Rows in and rows out do not add up, so nothing is published."""

    exit_code = 7
    code = "ledger_error"


class MixtureError(ThinkmixError):
    """The declared shares cannot be reached with the examples that survived."""

    exit_code = 8
    code = "mixture_error"


class SourceEmpty(MixtureError):
    """No row of a source is left to sample from. The sentence may quote a few characters of a row."""

    code = "source_empty"


class TemplateError(ThinkmixError, ValueError):
    """A message list that the chat template cannot render without losing or inventing text."""

    code = "template_error"


class PushError(ThinkmixError):
    """A version does not get to a hub: the hub refuses, or a licence forbids it."""

    exit_code = 17
    code = "push_error"


class WorkspaceError(ThinkmixError):
    """The workspace in the browser cannot be served."""

    exit_code = 16
    code = "workspace_error"


class TrainError(ThinkmixError):
    """A training run that cannot start or go on."""

    exit_code = 10
    code = "train_error"


class Forgotten(TrainError):
    """A protected source was forgotten beyond its tolerance, and no earlier weights were to be kept."""

    exit_code = 13
    code = "forgotten"


class ThinkingModeFailed(TrainError):
    """The trained model does not think when it is asked to, or thinks when it is asked not to."""

    exit_code = 14
    code = "thinking_mode_failed"
