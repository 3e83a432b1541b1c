"""Asks by a client of others: PROTOCOL ADDRESS, and on standard input a list of requests as JSON,
each with its variables and its body. Prints a list of answers, each with a status line, fields, an
empty line and the body, and with what the application has told its errors.

Bytes are characters of Latin-1. The clients: of flup, which hands WSGI requests on over FastCGI and
SCGI, and of uwsgi-tools.
"""

import io
import json
import sys
import types

# flup's clients ask for the type of an address by a name of Python 2.
types.StringTypes = (str,)


def by_flup(app, variables, body, errors):
    """Calls an application of WSGI that is a front of another one."""
    environ = dict(variables)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.errors"] = errors
    told = []
    blocks = app(environ, lambda status, headers: told.append((status, headers)))
    status, headers = told[0]
    lines = [b"Status: " + status] + [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(blocks)


def client(protocol, address):
    """A function that asks once."""
    host, _, port = address.rpartition(":")
    if protocol == "fastcgi":
        from flup.client import fcgi_app

        # It decodes errors by a module that it does not name.
        fcgi_app.sys = sys
        app = fcgi_app.FCGIApp(connect=(host, int(port)), filterEnviron=False)
        return lambda *request: by_flup(app, *request)
    if protocol == "scgi":
        from flup.client.scgi_app import SCGIApp

        app = SCGIApp(connect=(host, int(port)), filterEnviron=False)
        return lambda *request: by_flup(app, *request)
    from uwsgi_tools.curl import ask_uwsgi

    return lambda variables, body, _: ask_uwsgi(address, dict(variables), body.decode()).encode()


def main():
    ask = client(*sys.argv[1:])
    answers = []
    for variables, body in json.load(sys.stdin):
        errors = io.StringIO()
        answer = ask(variables, body.encode("latin-1"), errors)
        answers.append([answer.decode("latin-1"), errors.getvalue()])
    json.dump(answers, sys.stdout)


main()
