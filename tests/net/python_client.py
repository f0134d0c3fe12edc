#!/usr/bin/python3
"""A client of a Hansa node, written from docs/wire-format.md alone.

usage: python_client.py FILE

FILE has six lines: the node's control endpoint, its bulk endpoint, and in hexadecimal digits its CURVE public key, the
consortium, our CURVE secret key and the seed of our node key.

Connects, exchanges HELLO, sends a signed ping and checks the pong, fetches the blob that the node offers and prints
its BLAKE2b-256. Exits with 0 only if everything was as documented.
"""
import hashlib
import struct
import sys

import msgpack
import nacl.public
import nacl.signing
import zmq
from zmq.utils import z85

HELLO, PING, PONG = 1, 2, 3
OFFER, MANIFEST_REQUEST, MANIFEST, CHUNK_REQUEST, CHUNK = 64, 65, 66, 67, 68
CHUNK_BYTES = 262144


def b(label, data):
    return hashlib.blake2b(data, digest_size=32, person=label).digest()


class Client:
    def __init__(self, control, bulk, server, consortium, curve_secret, node_seed):
        self.consortium = consortium
        self.node = nacl.signing.SigningKey(node_seed)
        self.sender = bytes(self.node.verify_key)
        self.seq = 0
        self.context = zmq.Context()
        self.control = self.dial(control, server, curve_secret)
        self.bulk = self.dial(bulk, server, curve_secret)

    def dial(self, endpoint, server, secret):
        public = bytes(nacl.public.PrivateKey(secret).public_key)
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.rcvtimeo = 20000
        socket.curve_serverkey = z85.encode(server)
        socket.curve_publickey = z85.encode(public)
        socket.curve_secretkey = z85.encode(secret)
        socket.connect(endpoint)
        socket.send_multipart([b"", b""])  # the greeting
        return socket

    def send(self, socket, kind, body, signed):
        self.seq += 1
        fields = [1, kind, self.consortium, 1, self.sender, 1, self.seq, b"", 0, 1 if signed else 0, len(body),
                  b(b"hansa.body.v1", body) if signed else b""]
        header = msgpack.packb(fields, use_bin_type=True)
        if signed:
            header += self.node.sign(b"hansa-envelope-v1:" + header).signature
        socket.send_multipart([header, body])

    def receive(self, socket, kind):
        while True:
            header, body = socket.recv_multipart()
            unpacker = msgpack.Unpacker(raw=True, max_buffer_size=256)
            unpacker.feed(header)
            fields = unpacker.unpack()
            array, signature = header[:unpacker.tell()], header[unpacker.tell():]
            assert len(fields) == 12 and fields[0] == 1 and fields[2] == self.consortium
            assert fields[10] == len(body)
            if fields[9] & 1:
                assert fields[11] == b(b"hansa.body.v1", body)
                nacl.signing.VerifyKey(fields[4]).verify(b"hansa-envelope-v1:" + array, signature)
            else:
                assert signature == b"" and fields[11] == b""
            if fields[1] == kind:
                return fields, body

    def fetch(self, name, size):
        self.send(self.bulk, MANIFEST_REQUEST, name, False)
        _, body = self.receive(self.bulk, MANIFEST)
        assert body[:32] == name and struct.unpack("<Q", body[32:40])[0] == size
        assert b(b"hansa.bulk.blob", body[32:]) == name
        hashes = [body[i:i + 32] for i in range(40, len(body), 32)]
        assert len(hashes) == (size + CHUNK_BYTES - 1) // CHUNK_BYTES
        blob = b""
        for index, expected in enumerate(hashes):
            self.send(self.bulk, CHUNK_REQUEST, name + struct.pack("<I", index), False)
            _, body = self.receive(self.bulk, CHUNK)
            assert body[:36] == name + struct.pack("<I", index)
            chunk = body[36:]
            strips = [chunk[at:at + 32768] for at in range(0, len(chunk), 32768)]
            assert b(b"hansa.bulk.chunk", b"".join(hashlib.blake2b(s).digest() for s in strips)) == expected
            blob += body[36:]
        assert len(blob) == size
        return blob


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        control, bulk, *keys = file.read().split()
    client = Client(control, bulk, *map(bytes.fromhex, keys))
    release = b"python-0.1"
    client.send(client.control, HELLO, struct.pack("<BBQB", 1, 1, 0, len(release)) + release, True)
    fields, body = client.receive(client.control, HELLO)
    assert fields[9] & 1, "a HELLO must be signed"
    low, high, features, length = struct.unpack("<BBQB", body[:11])
    assert low <= 1 <= high and len(body) == 11 + length
    print("hello", low, high, body[11:].decode())

    client.send(client.control, PING, b"are you there?", True)
    fields, body = client.receive(client.control, PONG)
    assert fields[9] & 1 and body == b"are you there?"
    print("pong")

    _, body = client.receive(client.control, OFFER)
    name, size, kind = body[:32], *struct.unpack("<QB", body[32:])
    print("blob", kind, hashlib.blake2b(client.fetch(name, size), digest_size=32).hexdigest())


if __name__ == "__main__":
    main()
