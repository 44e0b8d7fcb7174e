"""The MCP door: the same questions as tools for agents, over stdio.

In come tool calls, out go answers in the compact form: text once, in `content`; `structuredContent` holds only how
many there are, what was cut, the cursor, and at most three calls that lead on. Nine tools read; the tenth writes a
line, and is there only with --allow-write. Nothing here speaks to a store but through a reading handle.
"""
