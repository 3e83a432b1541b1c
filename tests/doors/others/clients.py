"""Asks once by a client of others: PROTOCOL ADDRESS, variables as NAME=VALUE, the body on standard
input. Prints a status line, fields, an empty line and the body.

The clients: of flup, which hands WSGI requests on over FastCGI and SCGI, and of uwsgi-tools.
"""

import io
import sys
import types

# flup's clients ask for the type of an address by a name of Python 2.
types.StringTypes = (str,)


def by_flup(app, variables, body):
    """Calls an application of WSGI that is a front of another one."""
    environ = dict(variables)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.errors"] = sys.stderr
    told = []
    blocks = app(environ, lambda status, headers: told.append((status, headers)))
    status, headers = told[0]
    lines = [b"Status: " + status] + [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(blocks)


def main():
    protocol, address, *variables = sys.argv[1:]
    variables = [variable.split("=", 1) for variable in variables]
    body = sys.stdin.buffer.read()
    host, _, port = address.rpartition(":")
    connect = address if "/" in address else (host, int(port))
    if protocol == "fastcgi":
        from flup.client.fcgi_app import FCGIApp

        answer = by_flup(FCGIApp(connect=connect, filterEnviron=False), variables, body)
    elif protocol == "scgi":
        from flup.client.scgi_app import SCGIApp

        answer = by_flup(SCGIApp(connect=connect, filterEnviron=False), variables, body)
    else:
        from uwsgi_tools.curl import ask_uwsgi

        answer = ask_uwsgi(address, dict(variables), body.decode()).encode()
    sys.stdout.buffer.write(answer)


main()
