"""Answers as text: JSON, JSON lines, CSV, compact lines for agents, tables for people.

In come pages, out goes text whose control characters are visible; nothing here asks a store or knows a clock.
"""
