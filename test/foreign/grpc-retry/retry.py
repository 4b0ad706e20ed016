"""Calls one rpc with the service config that it is given, and says in one line of JSON how it ended.

    retry.py ADDRESS CONFIG-FILE METHOD KEY REQUEST-IN-BASE64
"""

import base64
import json
import sys
import time

import grpc

address, config, method, key, request = sys.argv[1:]
with open(config, encoding="utf-8") as file:
    options = [("grpc.service_config", file.read()), ("grpc.enable_retries", 1)]

with grpc.insecure_channel(address, options=options) as channel:
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    begun = time.monotonic()
    try:
        call(base64.b64decode(request), timeout=20, metadata=[("authorization", "Bearer " + key)])
        code, message, trailers = "OK", "", []
    except grpc.RpcError as error:
        code, message, trailers = error.code().name, error.details(), error.trailing_metadata() or []
    took = (time.monotonic() - begun) * 1000
    texts = {name: [value] for name, value in trailers if isinstance(value, str)}
    print(json.dumps({"code": code, "message": message, "trailers": texts, "ms": round(took)}))
