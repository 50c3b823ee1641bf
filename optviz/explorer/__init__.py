"""A page on this machine where one tries things: `optviz explore`, or `ov.explore()` in a notebook.

What is on the page is the settings of a study, so that it is a command line, Python code and a
picture that replays as well. `session.py` answers what a page asks, whatever stands between them:
`server.py` has a process for each page behind a websocket, `notebook.py` a widget. `page/` is the
page itself.
"""
