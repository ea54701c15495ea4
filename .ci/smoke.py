"""Starts an installed `gateway dev` in the working directory and asks it what its users would; needs no package."""

import json
import re
import subprocess
import sys
import urllib.request
from urllib.parse import urljoin

QUERY = "{ customers(first: 1) { totalCount nodes { name orders(first: 1) { nodes { number } } } } }"


def fetch(url: str, body: object = None, accept: str = "*/*") -> bytes:
    headers = {"accept": accept, "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as response:
        content: bytes = response.read()
        return content


def address(process: subprocess.Popen[str]) -> str:
    """The endpoint's address, as the command prints it."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        found = re.search(r"http://\S+/graphql", line)
        if found:
            return found[0]
    raise SystemExit("gateway dev printed no address")


def main(command: str) -> None:
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen([command, "dev", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            endpoint = address(process)
            answer = json.loads(fetch(endpoint, {"query": QUERY}))
            assert answer["data"]["customers"]["totalCount"] == 2000, answer
            page = fetch(endpoint, accept="text/html").decode()
            links = re.findall(r'(?:href|src)="([^"]+)"', page)
            assert len(links) == 3, page
            assert all(fetch(urljoin(endpoint, link)) for link in links)
            script = fetch(urljoin(endpoint, next(link for link in links if link.endswith(".js")))).decode()
            workers = re.findall(r'"\./([\w.-]+worker-\w+\.js)"', script)
            assert len(workers) == 3, workers
            assert all(fetch(f"{endpoint}/static/{worker}") for worker in workers)
        finally:
            process.terminate()
    assert process.returncode in (0, -15), process.returncode
    print("the wheel works")


if __name__ == "__main__":
    main(sys.argv[1])
