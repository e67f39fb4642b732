"""From conversations to the text a Qwen3 model reads: rendering, training turns, reading back, token counts.

`render_chat` is the reference and takes any message list; `training_turns` is the fast, strict form
for conversations; `round_trip_problem` proves that nothing was lost, `seam_problem` that no token spans the
end of a prompt.
"""
