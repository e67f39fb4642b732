"""Qwen3's control tokens, and the fixed words that its templates print around what is said."""

OPEN = "<|im_start|>"
CLOSE = "<|im_end|>\n"
ASSISTANT = f"{OPEN}assistant\n"
OPEN_TAG, CLOSE_TAG = "<think>", "</think>"
THINK = f"{OPEN_TAG}\n"
ANSWER = f"\n{CLOSE_TAG}\n\n"
EMPTY_TRACE = THINK + ANSWER
TOOLS_OPEN = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
TOOLS_CLOSE = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    "within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
RESPONSE_OPEN = "<tool_response>\n"
RESPONSE_CLOSE = "\n</tool_response>"
CALL_OPEN = "<tool_call>\n"
CALL_CLOSE = "\n</tool_call>"
