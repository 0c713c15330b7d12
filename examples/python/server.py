"""A server for Throughline in Python's standard library alone: docs/PROTOCOL.md, version 1. Applications begin from it.

    python3 server.py            on http://127.0.0.1:8082/live; PORT and HOST say otherwise
    ORIGINS=https://a.example    other origins whose pages may connect, with commas between

It has WebSocket, EventSource, XHR and fetch streaming, long polling, and POST. Each open channel has a thread.
"""
import base64
import binascii
import hashlib
import json
import os
import re
import secrets
import socket
import struct
import sys
import threading
import time
import traceback
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PATH = '/live'
KEPT = 1_000  # messages that are kept for those who come back
LIMITS = {'message': 65_536, 'batch': 65_536, 'messages': 500}
HEARTBEAT, HOLD, SESSION = 15, 25, 120  # seconds: a sign of life, a poll that is held, a session without a channel
CHANNELS = 1_000  # that are open at a time
PATIENCE = 60  # seconds until a client that stands still is given up
ORIGINS = {origin.strip() for origin in os.environ.get('ORIGINS', '').split(',') if origin.strip()}
STREAMS = {'eventsource', 'xhr-streaming', 'fetch-streaming', ''}
COMMON = {'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no', 'X-Content-Type-Options': 'nosniff',
          'Vary': 'Origin'}

changed = threading.Condition()  # guards all that follows, and tells of each change


def on_message(session, block):
    """The application: what is sent up is published in the topics of whoever sends.

    What it returns is the answer, where one is asked for.
    """
    if block.get('event') == 'refuse':
        raise Refuse(422, 'this event is refused')
    for topic in session.topics:
        publish(topic, block)


class Refuse(Exception):
    """Why something is not served, as a status and words."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


# ---- the format -----------------------------------------------------------------------------------------------------

def encode(event=None, data='', **fields):
    lines = [f'{name}: {value}\n' for name, value in fields.items() if value]
    lines += [f'event: {event}\n'] if event else []
    return ''.join(lines) + ''.join(f'data: {line}\n' for line in data.split('\n')) + '\n'


def control(name, data, **fields):
    return encode(f'rt.{name}', json.dumps(data, separators=(',', ':')), **fields)


def parse(text):
    """The blocks of a text, each as a dict. A block without its blank line is left out."""
    blocks, block = [], {}
    for line in re.split(r'\r\n|\n|\r', text)[:-1]:
        name, _, value = line.partition(':')
        value = value[1:] if value.startswith(' ') else value
        if line == '':
            blocks += [block] if block else []
            block = {}
        elif name == 'data' and 'data' in block:
            block['data'] += '\n' + value
        elif name:
            block[name] = value
    return blocks


def check_data(block):
    """Refuses data that is not what its `enc` or `type` says."""
    data, enc = block['data'], block.get('enc')
    try:
        if enc == 'base64':
            base64.b64decode(data, validate=True)
        elif enc == 'escaped' and not re.fullmatch(r'(?:[^\\]|\\[\\r0])*', data):
            raise ValueError
        elif enc not in (None, '', 'escaped', 'base64'):
            raise ValueError
        if block.get('type') == 'json':
            json.loads(data, parse_constant=lambda name: int(name))
    except (ValueError, binascii.Error, RecursionError):
        raise Refuse(400, f"the data of message {block['id']} is not what it says that it is") from None


# ---- the log --------------------------------------------------------------------------------------------------------

class Log:
    """The newest messages of all topics in one order. An id is `<epoch>.<seq>.<tag>`."""

    def __init__(self):
        self.epoch = secrets.token_urlsafe(6).replace('.', '-')
        self.entries = deque()  # (seq, id, topic, text)
        self.base = self.make_id(0)  # the position before the oldest entry
        self.newest = 0

    def make_id(self, seq):
        return f'{self.epoch}.{seq}.{secrets.token_urlsafe(4)}'

    def append(self, topic, block):
        self.newest += 1
        entry_id = self.make_id(self.newest)
        fields = {name: block.get(name) for name in ('enc', 'type', 're')}
        text = encode(block.get('event'), block['data'], id=entry_id, **fields)
        self.entries.append((self.newest, entry_id, topic, text))
        if len(self.entries) > KEPT:
            self.base = self.entries.popleft()[1]

    def id_of(self, seq):
        """The id of a position; nothing if it is not kept."""
        first = self.newest - len(self.entries)
        if seq == first:
            return self.base
        return self.entries[seq - first - 1][1] if first < seq <= self.newest else None

    def find(self, cursor):
        """Where a cursor leads: a position, and the reason of a gap if there is one."""
        oldest = self.newest - len(self.entries)
        found = re.fullmatch(r'([\w~-]+)\.(\d{1,15})\.[\w.~-]+', cursor)
        if not found:
            return self.newest, 'unknown'
        epoch, seq = found[1], int(found[2])
        if epoch != self.epoch:
            return oldest, 'epoch'
        if seq > self.newest:
            return self.newest, 'future'
        if seq < oldest:
            return oldest, 'trimmed'
        return (seq, None) if self.id_of(seq) == cursor else (self.newest, 'rollback')

    def after(self, seq, topics):
        return [text for at, _, topic, text in self.entries if at > seq and topic in topics]


log = Log()


def publish(topic, block):
    """Publishes in a topic: {'data': …}, and if you like event, type ('json') and enc."""
    keep(topic, {name: block[name] for name in ('event', 'type', 'enc', 'data') if name in block})


def keep(topic, block):
    with changed:
        log.append(topic, block)
        changed.notify_all()


# ---- sessions and their channels ------------------------------------------------------------------------------------

class Session:
    def __init__(self, topics, origin):
        self.id, self.topics, self.origin = secrets.token_urlsafe(24), topics, origin
        self.own = f'rt.{self.id}'  # the topic of its answers
        self.acked = 0
        self.refused = {}  # the rt.nack of each of the last numbers that were refused
        self.channels = []
        self.waiting = []  # pongs, while no channel is open
        self.left = time.monotonic()  # when its last channel ended
        self.over = False
        self.inbox = threading.Lock()  # one text after the other

    def take(self, blocks):
        """Takes each number once. Gives the answer, and whether no number was missing."""
        if len(blocks) > LIMITS['messages']:
            raise Refuse(413, 'too many messages at once')
        messages = [block for block in blocks if 'id' in block]
        for block in messages:
            check_message(block)
        numbers = [int(block['id']) for block in messages]
        with self.inbox:
            for number, block in zip(numbers, messages):
                if number == self.acked + 1 and not self.over:
                    self.take_one(number, block)
            self.refused = {at: nack for at, nack in self.refused.items() if at > self.acked - LIMITS['messages']}
            nacks = [nack for at, nack in self.refused.items() if numbers and at >= min(numbers)]
            acked = self.acked if numbers else self.acked_for_sure()
            return ''.join(nacks) + control('ack', acked), all(number <= self.acked for number in numbers)

    def take_one(self, number, block):
        try:
            answer = on_message(self, block)
            if block.get('re') == 'answer':
                value = {'type': 'json', 'data': json.dumps(answer)}
                content = {'type': 'none', 'data': ''} if answer is None else value
                keep(self.own, {'event': 'rt.answer', 're': f'{number} {self.id}', **content})
        except Exception as error:
            why = error if isinstance(error, Refuse) else Refuse(500, 'the server failed')
            self.refused[number] = control('nack', {'number': number, 'status': why.status, 'message': why.message})
            if why is not error:
                traceback.print_exc()
        self.acked = number

    def acked_for_sure(self):
        """Below the refusals that are kept: the client may not have heard of them."""
        return min(self.refused, default=self.acked + 1) - 1

    def tell(self, text):
        """Says something to this session alone, on its newest channel or on its next one."""
        with changed:
            (self.channels[-1].queue if self.channels else self.waiting).append(text)
            changed.notify_all()

    def end(self):
        with changed:
            self.over = True
            sessions.pop(self.id, None)
            changed.notify_all()


sessions = {}


def check_message(block):
    number, event = block['id'], block.get('event', '')
    if not re.fullmatch(r'[1-9]\d{0,14}', number):
        raise Refuse(400, 'the id of a message is its number: 1, 2, 3 …')
    if event.startswith('rt.') or '\0' in event or 'data' not in block:
        raise Refuse(400, f'message {number} has no data, or a name that no message can have')
    check_data(block)


def find_session(ask):
    with changed:
        now = time.monotonic()
        for session in [each for each in sessions.values() if not each.channels and now - each.left > SESSION]:
            del sessions[session.id]
        session = sessions.get(ask.query.get('rt.sid', ''))
        return session if session and session.origin == ask.origin else None


class Channel:
    """What one request or WebSocket hears: its beginning, and then each batch of what is new."""

    def __init__(self, ask, is_poll=False):
        known = find_session(ask)
        with changed:
            is_full = sum(len(each.channels) for each in sessions.values()) >= CHANNELS
            if is_full or len(sessions) >= 10 * CHANNELS:
                raise Refuse(503, 'too many channels, or sessions')
            self.session = session = known or Session(ask.topics, ask.origin)
            sessions[session.id] = session
            cursor = ask.cursor
            self.seq, reason = log.find(cursor) if cursor else (log.newest, None)
            self.queue = deque()
            if not (is_poll and known and ask.query.get('rt.n', '0') != '0'):
                self.queue.append(self.hello(cursor, reason))
            if reason:
                gap_id = log.id_of(self.seq)
                self.queue.append(control('gap', {'reason': reason, 'from': cursor, 'to': gap_id}, id=gap_id))
            session.channels.append(self)

    def hello(self, cursor, reason):
        fits = cursor and re.fullmatch(r'[\w.~-]{1,64}', cursor)
        return control('open', {
            'session': self.session.id, 'resumed': bool(cursor) and not reason, 'acked': self.session.acked_for_sure(),
            'heartbeat': HEARTBEAT * 1000, 'spread': 0, 'limits': LIMITS,
        }, retry=1000, id=cursor if fits else log.id_of(log.newest))

    def read(self, seconds):
        """What is new, as one text; empty if nothing comes within so many seconds, `None` if the session is over."""
        until = time.monotonic() + seconds
        with changed:
            while True:
                texts = list(self.queue) + self.session.waiting
                trimmed = self.seq < log.newest - len(log.entries)
                if trimmed:  # whoever reads so slowly is told
                    before, self.seq = self.seq, log.newest - len(log.entries)
                    gap = {'reason': 'trimmed', 'from': f'{log.epoch}.{before}.unknown', 'to': log.base}
                    texts.append(control('gap', gap, id=log.base))
                texts += log.after(self.seq, self.session.topics | {self.session.own})
                self.seq = log.newest
                self.queue.clear()
                self.session.waiting.clear()
                if texts:
                    return ''.join(texts)
                left = until - time.monotonic()
                if self.session.over or left <= 0:
                    return None if self.session.over else ''
                changed.wait(left)

    def close(self):
        with changed:
            self.session.channels.remove(self)
            self.session.left = time.monotonic()


# ---- requests -------------------------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = PATIENCE  # for whoever sends or takes nothing

    def do_GET(self):
        self.answer(self.open_channel)

    def do_POST(self):
        self.answer(self.take_post)

    def do_OPTIONS(self):
        self.answer(lambda: self.reply(204, '', {
            'Access-Control-Allow-Methods': 'GET, POST',
            'Access-Control-Allow-Headers': 'content-type, last-event-id, authorization',
        }))

    def do_PUT(self):
        self.answer(self.refuse_method)

    do_DELETE = do_PATCH = do_PUT

    def refuse_method(self):
        raise Refuse(405, f'{self.command} is not for this address')

    def answer(self, act):
        self.via, self.listed = '', None
        try:
            self.read_address()
            act()
        except Refuse as why:
            self.refuse(why)
        except OSError:  # whoever asked is gone
            self.close_connection = True

    def read_address(self):
        address = urlsplit(self.path)
        if address.path != PATH:
            raise Refuse(404, f'there is nothing here but {PATH}')
        lists = parse_qs(address.query, keep_blank_values=True)
        self.query = {name: values[0] for name, values in lists.items()}
        self.topics = {topic for topic in lists.get('topic', []) if topic and not topic.startswith('rt.')}
        self.via = self.query.get('rt.via', '')
        self.cursor = self.headers.get('Last-Event-ID') or self.query.get('rt.id', '')
        self.check_origin()
        if self.query.get('rt.v', '1') not in ('1', '2'):
            raise Refuse(400, 'rt.v is neither 1 nor 2')

    def check_origin(self):
        """Pages of this server's own origin, and of those that are listed. Who asks from no page may, too."""
        site = self.headers.get('Sec-Fetch-Site', 'none')
        self.origin = self.headers.get('Origin') or origin_of(self.headers.get('Referer', ''))
        self.listed = self.origin if self.origin in ORIGINS else None
        own = self.origin is None or urlsplit(self.origin).netloc == self.headers.get('Host')
        if site == 'same-origin' or self.listed or (own and site == 'none'):
            return
        page = self.origin or 'an origin that is hidden'
        raise Refuse(403, f'pages of {page} may not connect here; name it in ORIGINS')

    def refuse(self, why):
        """In the form that reaches the page: PROTOCOL.md has the table."""
        fail = control('fail', {'status': why.status, 'message': why.message})
        if self.via == 'websocket' and self.is_handshake():
            wire = WebSocket(self)
            wire.write(fail)
            wire.shut(1013 if why.status == 503 else 1008, why.message)
        elif self.via == 'eventsource' and self.command == 'GET':
            self.reply(200, wrap(fail), {'Content-Type': 'text/event-stream'})
        else:
            self.close_connection = True
            self.reply(why.status, why.message + '\n', {'Content-Type': 'text/plain; charset=utf-8'})

    def reply(self, status, text, headers):
        body = text.encode()
        length = {} if status == 204 else {'Content-Length': str(len(body))}
        self.start(status, {**headers, **length})
        self.wfile.write(body)

    def start(self, status, headers):
        allowed = {'Access-Control-Allow-Origin': self.listed, 'Access-Control-Allow-Credentials': 'true',
                   'Access-Control-Expose-Headers': 'Retry-After'} if self.listed else {}
        retry = {'Retry-After': '5'} if status == 503 else {}
        self.send_response(status)
        for name, value in {**COMMON, **allowed, **retry, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def open_channel(self):
        if self.via == 'websocket':
            self.serve_websocket()
        elif self.via == 'long-polling':
            self.serve_poll()
        elif self.via in STREAMS:
            self.serve_stream()
        else:
            raise Refuse(400, f'{self.via} is not offered')

    def serve_stream(self):
        shape = wrap if self.via == 'eventsource' else str
        channel = Channel(self)
        try:
            self.close_connection = True
            self.start(200, {'Content-Type': 'text/event-stream; charset=utf-8', 'Connection': 'close'})
            tick_at = time.monotonic() + 0.4 if self.via else None
            text = channel.read(0)
            while text is not None:
                if text:
                    self.wfile.write(shape(text).encode())
                if tick_at and time.monotonic() >= tick_at:
                    self.wfile.write(shape(control('tick', {})).encode())
                    tick_at = None
                text = channel.read(max(0, tick_at - time.monotonic()) if tick_at else HEARTBEAT)
                text = control('beat', {'spread': 0}) if text == '' and not tick_at else text
        finally:
            channel.close()

    def serve_poll(self):
        channel = Channel(self, is_poll=True)
        try:
            is_first = self.query.get('rt.n', '0') == '0'
            text = channel.read(0 if is_first else HOLD)
            beat = control('beat', {'spread': 0}) if text == '' else ''
            self.reply(200, text or beat, {'Content-Type': 'text/event-stream; charset=utf-8'})
        finally:
            channel.close()

    def take_post(self):
        if not re.match(r'text/event-stream\s*(;|$)', self.headers.get('Content-Type') or '', re.I):
            raise Refuse(415, 'the Content-Type of a POST is text/event-stream')
        told = self.headers.get('Content-Length', '')
        length = int(told) if re.fullmatch(r'\d{1,9}', told) else 0
        if length > 16 * LIMITS['batch']:
            raise Refuse(413, 'too much at once')
        body = self.rfile.read(length)  # also of what is refused: an answer that comes before is lost to many a client
        session = find_session(self)
        if self.via != 'post':
            raise Refuse(400, f'{self.via} is not offered')
        if not session:
            raise Refuse(404, 'the session is unknown')
        text, in_order, is_over = hear(session, body, session.tell)
        self.reply(200 if in_order else 409, text, {'Content-Type': 'text/event-stream; charset=utf-8'})
        if is_over:
            session.end()

    def is_handshake(self):
        return self.headers.get('Upgrade', '').lower() == 'websocket' and 'Sec-WebSocket-Key' in self.headers

    def serve_websocket(self):
        if not self.is_handshake():
            raise Refuse(426, 'a WebSocket handshake was expected')
        channel = Channel(self)
        wire = WebSocket(self)
        threading.Thread(target=wire.pump, args=[channel], daemon=True).start()
        try:
            wire.listen(channel.session)
        finally:
            wire.gone.set()
            channel.close()
            with changed:
                changed.notify_all()

    def log_message(self, *_):
        pass


def hear(session, body, tell):
    """What comes up: gives the answer, whether no number was missing, and whether it was a goodbye."""
    blocks = parse(body.decode('utf-8', 'replace'))
    if not blocks:
        raise Refuse(400, 'there is no whole block in it')
    if len(body) > LIMITS['batch' if len(blocks) > 1 else 'message']:
        raise Refuse(413, 'too much at once')
    text, in_order = session.take(blocks)
    for block in blocks:
        if block.get('event') == 'rt.ping':
            tell(encode('rt.pong', block.get('data', '')[:32] or '{}'))
    return text, in_order, any(block.get('event') == 'rt.bye' for block in blocks)


def wrap(text):
    return encode(data=text)


def origin_of(address):
    there = urlsplit(address)
    return f'{there.scheme}://{there.netloc}' if there.netloc else None


# ---- WebSocket (RFC 6455) -------------------------------------------------------------------------------------------

class WebSocket:
    def __init__(self, request):
        self.request, self.writing, self.gone = request, threading.Lock(), threading.Event()
        request.close_connection = True
        # A message that is not taken for so long ends it; nothing has to come up.
        request.connection.settimeout(None)
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', PATIENCE, 0))
        key = request.headers['Sec-WebSocket-Key'].strip() + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        offered = [name.strip() for name in request.headers.get('Sec-WebSocket-Protocol', '').split(',')]
        chosen = {'Sec-WebSocket-Protocol': 'rt.1'} if 'rt.1' in offered else {}
        request.start(101, {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Accept': accept, **chosen})

    def write(self, text):
        self.frame(1, text.encode())

    def frame(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | opcode]) + (
            bytes([size]) if size < 126 else struct.pack('>BH', 126, size) if size < 65_536
            else struct.pack('>BQ', 127, size))
        with self.writing:
            self.request.wfile.write(head + payload)

    def shut(self, code, reason=''):
        """A close frame; then what still comes is read for a moment, so that the other side gets it."""
        self.frame(8, struct.pack('>H', code) + reason.encode()[:123].decode('utf-8', 'ignore').encode())
        self.request.connection.settimeout(1)
        while self.request.rfile.read(4_096):
            pass

    def pump(self, channel):
        """Writes what is new, until either side has ended."""
        try:
            while not self.gone.is_set():
                text = channel.read(HEARTBEAT)
                if self.gone.is_set():
                    return
                if text is None:
                    return self.frame(8, struct.pack('>H', 1001))
                self.write(text or control('beat', {'spread': 0}))
        except OSError:
            pass

    def listen(self, session):
        try:
            for message in self.messages():
                text, _, is_over = hear(session, message, self.write)
                if any('id' in block for block in parse(message.decode('utf-8', 'replace'))):
                    self.write(text)
                if is_over:
                    session.end()
        except Refuse as why:
            self.write(control('fail', {'status': why.status, 'message': why.message}))
            self.shut(1009 if why.status == 413 else 1008, why.message)

    def messages(self):
        """Each text message; fragments are put together, and control frames answered."""
        whole = b''
        while not self.gone.is_set():
            head = self.request.rfile.read(2)
            if len(head) < 2:
                return
            final, opcode, masked, size = head[0] & 0x80, head[0] & 15, head[1] & 0x80, head[1] & 127
            if size > 125:
                size = int.from_bytes(self.request.rfile.read(2 if size == 126 else 8), 'big')
            if len(whole) + size > max(LIMITS['message'], LIMITS['batch']):
                raise Refuse(413, 'too much at once')
            if not masked or opcode not in (0, 1, 8, 9, 10) or head[0] & 0x70:
                raise Refuse(400, 'frames are text, and masked')
            mask = self.request.rfile.read(4)
            payload = unmask(self.request.rfile.read(size), mask)
            if opcode == 8:
                return self.frame(8, payload[:2])
            if opcode == 9:
                self.frame(10, payload)
            elif opcode < 2:
                whole += payload
                if final:
                    yield whole
                    whole = b''


def unmask(payload, mask):
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], 'big')
    return (int.from_bytes(payload, 'big') ^ key).to_bytes(size, 'big')


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # whoever asked may be gone at any time
            super().handle_error(request, client_address)


if __name__ == '__main__':
    server = Server((os.environ.get('HOST', '127.0.0.1'), int(os.environ.get('PORT', '8082'))), Handler)
    print(f'http://{server.server_address[0]}:{server.server_address[1]}{PATH}', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
