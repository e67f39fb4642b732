"""Training on a published mixture: a plan, exact tokens, and a loss on nothing but completions.

Only this room knows torch, transformers and peft, and only `train.fit.fit` needs them: plans and
results can be read without the extra `thinkmix[train]`.
"""
