"""The harness itself: a test that waits for a server must be able to hear it."""

import socket


def test_01_a_local_message_is_parsed(syslog):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(syslog.socket)
        sender.send(b"<26>Jun 19 03:00:01 tester[77]: hello")

    (message,) = syslog.wait_for(1)

    assert (message["program"], message["severity"], message["facility"], message["pid"],
            message["text"]) == ("tester", "crit", "daemon", "77", "hello")


def test_02_a_tcp_message_is_parsed(syslog):
    frame = b'<26>1 2015-06-19T03:00:01Z h tester 77 kind [x@32473 site="CM01"] hello'
    with socket.create_connection(("127.0.0.1", syslog.tcp)) as sender:
        sender.sendall(b"%d %s" % (len(frame), frame))
        (message,) = syslog.wait_for(1)

    assert message["msgid"] == "kind"
    assert message["text"] == "hello"
    assert message["structured"].startswith('[x@32473 site="CM01"]')


def test_03_a_request_is_kept_and_answered(receiver):
    receiver.answers.append(503)
    port = int(receiver.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"POST /alert HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n"
                       b'{"site": "A"}')
        answer = sender.recv(100)

    assert answer.startswith(b"HTTP/1.1 503")
    assert receiver.documents(site="A") and not receiver.documents(site="B")
