# SPDX-License-Identifier: AGPL-3.0-or-later
"""A relay before PostgreSQL's socket that can break a connection at any message of a client.

https://www.postgresql.org/docs/15/protocol-message-formats.html
"""
import os
import socket
import struct
import tempfile
import threading


class Cut:
    """Breaks the connection that sends the message number `at` of those `counts` is true for, counted
    from the first message that `begins` is true for, on the connection that sent that one."""

    def __init__(self, begins, at=0, before=True):
        self.begins, self.at, self.before = begins, at, before
        self.connection, self.seen, self.done = None, 0, False

    def due(self, connection, message):
        if self.done or (self.connection is None and not self.begins(message)):
            return False
        if self.connection is None:
            self.connection = connection
        if self.connection is not connection:
            return False
        self.seen += 1
        self.done = self.seen > self.at
        return self.done


class Proxy:
    def __init__(self, server):
        self.target = os.path.join(server.socket, ".s.PGSQL.5432")
        self.folder = tempfile.mkdtemp(prefix="wgk-pgproxy-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.folder, ".s.PGSQL.5432"))
        self.listener.listen(64)
        self.cut, self.lock = None, threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, cut):
        with self.lock:
            self.cut = cut
        return cut

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            threading.Thread(target=self.upstream, args=pair, daemon=True).start()
            threading.Thread(target=self.downstream, args=pair, daemon=True).start()

    @staticmethod
    def close(*sockets):
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def downstream(self, client, server):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        self.close(client, server)

    def upstream(self, client, server):
        try:
            with client.makefile("rb") as file:
                length = file.read(4)
                server.sendall(length + file.read(struct.unpack("!I", length)[0] - 4))
                while head := file.read(5):
                    message = head + file.read(struct.unpack("!I", head[1:])[0] - 4)
                    with self.lock:
                        due = self.cut and self.cut.due(client, message)
                    if due and not self.cut.before:
                        self.close(client)  # the server's answer finds nobody
                        server.sendall(message)
                        server.shutdown(socket.SHUT_WR)
                        return
                    if due:
                        self.close(client, server)
                        return
                    server.sendall(message)
        except (OSError, struct.error):
            pass
        self.close(client, server)

    def stop(self):
        self.close(self.listener)
        self.listener.close()
        os.remove(os.path.join(self.folder, ".s.PGSQL.5432"))
        os.rmdir(self.folder)
