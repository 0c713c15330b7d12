<?php
/**
 * A server for Throughline in plain PHP 8.1: docs/PROTOCOL.md, version 1, for any hosting. There is nothing to install, and no process that stays.
 *
 *     PHP_CLI_SERVER_WORKERS=8 php -S 127.0.0.1:8083 live.php
 *
 * (PHP's own web server may give a request to a worker that is busy, where it waits until that is done: hence LASTS. PHP-FPM and Apache do not.)
 *
 * It has EventSource, XHR and fetch streaming, long polling, and POST. Each answer ends after a while, and the page comes again at once. What is
 * shared between requests is in files. In the environment: STATE, the folder of these files, outside of what the web server shows; ORIGINS,
 * other origins whose pages may connect, with commas between.
 */
declare(strict_types=1);

const KEPT = 1_048_576; // bytes of messages that are kept for those who come back
const LIMITS = ['message' => 65_536, 'batch' => 65_536, 'messages' => 500];
const HEARTBEAT = 15; // seconds without a message until a sign of life
const SESSION = 120; // seconds that a session outlives its last channel
const LOOK = 30_000; // microseconds between two looks for what is new
const PROBE = 0.5; // seconds between two signs to the connection: PHP sees that somebody is gone when it writes
// Seconds until a stream, or a poll to which there is nothing to say, is ended.
define('LASTS', (int) getenv('LASTS') ?: (PHP_SAPI === 'cli-server' ? 5 : 25));
const STREAMS = ['eventsource', 'xhr-streaming', 'fetch-streaming', ''];

/** The application: what is sent up is published in the topics of whoever sends. What it returns is the answer, if one is asked for. */
function on_message(array $session, array $block): mixed
{
    if (($block['event'] ?? '') === 'refuse') {
        throw new Refuse(422, 'this event is refused');
    }
    foreach ($session['topics'] as $topic) {
        publish($topic, $block);
    }
    return null;
}

/** Why something is not served: the code is the status. */
final class Refuse extends Exception
{
    public function __construct(int $status, string $message)
    {
        parent::__construct($message, $status);
    }
}

// ---- the format ------------------------------------------------------------------------------------------------------

function encode(array $fields): string
{
    $text = '';
    foreach ($fields as $name => $value) {
        foreach ($name === 'data' ? explode("\n", $value) : array_filter([$value ?? '']) as $line) {
            $text .= "$name: $line\n";
        }
    }
    return "$text\n";
}

/** A block of the protocol's own. */
function control(string $name, mixed $data, array $fields = []): string
{
    return encode(['event' => "rt.$name", ...$fields, 'data' => json_encode($data, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE)]);
}

/** The blocks of a text. One without its blank line is left out. */
function parse(string $text): array
{
    $lines = preg_split('/\r\n|\n|\r/', $text);
    array_pop($lines);
    [$blocks, $block] = [[], []];
    foreach ($lines as $line) {
        [$name, $value] = [...explode(':', $line, 2), ''];
        $value = str_starts_with($value, ' ') ? substr($value, 1) : $value;
        if ($line === '') {
            if ($block) {
                $blocks[] = $block;
            }
            $block = [];
        } elseif ($name === 'data' && isset($block['data'])) {
            $block['data'] .= "\n$value";
        } elseif ($name !== '') {
            $block[$name] = $value;
        }
    }
    return $blocks;
}

/** Refuses what no message can be. */
function check_message(array $block): void
{
    ['id' => $number, 'event' => $event, 'data' => $data, 'enc' => $enc] = $block + ['event' => '', 'data' => null, 'enc' => ''];
    if (!preg_match('/^[1-9]\d{0,14}$/D', $number)) {
        throw new Refuse(400, 'the id of a message is its number: 1, 2, 3 …');
    }
    if (str_starts_with($event, 'rt.') || str_contains($event, "\0") || $data === null || !mb_check($event . $data)) {
        throw new Refuse(400, "message $number has no data, or a name that no message can have");
    }
    $fits = match ($enc) {
        '' => true,
        'escaped' => (bool) preg_match('/^(?:[^\\\\]|\\\\[\\\\r0])*$/Ds', $data),
        'base64' => base64_decode($data, true) !== false,
        default => false,
    };
    if (($block['type'] ?? '') === 'json') {
        json_decode($data);
        $fits = $fits && json_last_error() === JSON_ERROR_NONE;
    }
    if (!$fits) {
        throw new Refuse(400, "the data of message $number is not what it says that it is");
    }
}

function mb_check(string $text): bool
{
    return preg_match('//u', $text) === 1;
}

// ---- files that requests share ---------------------------------------------------------------------------------------

function state(string $name): string
{
    static $folder = null;
    if ($folder === null) {
        $folder = getenv('STATE') ?: sys_get_temp_dir() . '/throughline-' . md5(__FILE__);
        is_dir("$folder/sessions") || @mkdir("$folder/sessions", 0700, true);
    }
    return "$folder/$name";
}

/** Acts on an open file that nobody else acts on meanwhile; gives what that gives, or nothing if the file is not there. */
function locked(string $path, string $mode, callable $act): mixed
{
    $file = @fopen($path, $mode);
    if (!$file) {
        return null;
    }
    flock($file, $mode === 'r' ? LOCK_SH : LOCK_EX);
    try {
        return $act($file);
    } finally {
        fflush($file);
        flock($file, LOCK_UN);
        fclose($file);
    }
}

function rewrite($file, string $text): void
{
    rewind($file);
    ftruncate($file, 0);
    fwrite($file, $text);
}

// ---- the log: a line of JSON each, [seq, id, topic, text], behind one with the position before the first -----------------

function new_id(string $epoch, int $seq): string
{
    return "$epoch.$seq." . bin2hex(random_bytes(3));
}

/** The lines of the log, which begins when it is read first. */
function read_log(): array
{
    $read = fn ($file) => explode("\n", rtrim(stream_get_contents($file)));
    $lines = locked(state('log'), 'r', $read);
    if ($lines === null || $lines[0] === '') {
        locked(state('log'), 'c+', function ($file) {
            if (fstat($file)['size'] === 0) {
                rewrite($file, json_encode([0, new_id(bin2hex(random_bytes(4)), 0), '', '']) . "\n");
            }
        });
        $lines = locked(state('log'), 'r', $read);
    }
    return array_map(json_decode(...), $lines);
}

/** Publishes in a topic: ['data' => …], and if you like event, type ('json') and enc. */
function publish(string $topic, array $block): void
{
    keep($topic, array_intersect_key($block, ['event' => 1, 'type' => 1, 'enc' => 1, 'data' => 1]));
}

function keep(string $topic, array $fields): void
{
    read_log();
    locked(state('log'), 'c+', function ($file) use ($topic, $fields) {
        $lines = explode("\n", rtrim(stream_get_contents($file)));
        [$seq, $before] = json_decode(end($lines));
        $id = new_id(strtok($before, '.'), ++$seq);
        $line = json_encode([$seq, $id, $topic, encode(['id' => $id, ...$fields])]);
        if (fstat($file)['size'] + strlen($line) > KEPT) {
            // The first one that is kept is the position before the others.
            $lines = array_slice($lines, intdiv(count($lines), 2));
            [$first, $base] = json_decode($lines[0]);
            rewrite($file, implode("\n", [json_encode([$first, $base, '', '']), ...array_slice($lines, 1)]) . "\n");
        }
        fseek($file, 0, SEEK_END);
        fwrite($file, "$line\n");
    });
}

/** Where a cursor leads: to an entry of the log behind which it goes on, and the reason of a gap if there is one. */
function find(array $log, string $cursor): array
{
    [$oldest, $newest] = [$log[0], end($log)];
    if ($cursor === '') {
        return [$newest, null];
    }
    if (!preg_match('/^([\w~-]+)\.(\d{1,15})\.[\w.~-]+$/D', $cursor, $found)) {
        return [$newest, 'unknown'];
    }
    [, $epoch, $seq] = $found;
    $at = (int) $seq - $oldest[0];
    return match (true) {
        $epoch !== strtok($newest[1], '.') => [$oldest, 'epoch'],
        (int) $seq > $newest[0] => [$newest, 'future'],
        $at < 0 => [$oldest, 'trimmed'],
        $log[$at][1] === $cursor => [$log[$at], null],
        default => [$newest, 'rollback'],
    };
}

// ---- sessions: a file each, with what is known of them -------------------------------------------------------------------

function session_file(string $id): string
{
    return state("sessions/$id");
}

function is_session(string $id): bool
{
    clearstatcache();
    return preg_match('/^[0-9a-f]{32}$/D', $id) === 1 && is_file(session_file($id));
}

/** Changes what is known of a session; gives what `$act` gives, or nothing if the session is over. */
function with_session(string $id, callable $act): mixed
{
    return !is_session($id) ? null : locked(session_file($id), 'r+', function ($file) use ($act) {
        $before = stream_get_contents($file);
        $session = json_decode($before, true);
        $result = $act($session);
        if (json_encode($session) !== $before) {
            rewrite($file, json_encode($session));
        }
        return $result;
    });
}

function find_session(Ask $ask): ?array
{
    $id = $ask->query['rt.sid'] ?? '';
    $session = is_session($id) ? json_decode((string) locked(session_file($id), 'r', stream_get_contents(...)), true) : null;
    return $session && $session['origin'] === $ask->origin ? $session : null;
}

function new_session(Ask $ask): array
{
    foreach (random_int(0, 20) === 0 ? glob(session_file('*')) : [] as $file) {
        if (time() - (int) @filemtime($file) > SESSION) {
            @unlink($file);
        }
    }
    $id = bin2hex(random_bytes(16));
    // `newest` is the channel that hears what waits in `say`; `refused` has the rt.nack of numbers that were refused.
    $known = ['id' => $id, 'topics' => $ask->topics, 'origin' => $ask->origin];
    $session = [...$known, 'acked' => 0, 'refused' => [], 'say' => '', 'newest' => '', 'seen' => time()];
    file_put_contents(session_file($id), json_encode($session), LOCK_EX);
    return $session;
}

/** Takes each number once. Gives the answer, and whether no number was missing. */
function take(array &$session, array $blocks): array
{
    $messages = array_filter($blocks, fn ($block) => isset($block['id']));
    array_map(check_message(...), $messages);
    foreach ($messages as $block) {
        if ((int) $block['id'] === $session['acked'] + 1) {
            take_one($session, $block);
        }
    }
    $numbers = array_map(fn ($block) => (int) $block['id'], $messages);
    $session['refused'] = array_filter($session['refused'], fn ($at) => $at > $session['acked'] - LIMITS['messages'], ARRAY_FILTER_USE_KEY);
    $nacks = $numbers ? array_filter($session['refused'], fn ($at) => $at >= min($numbers), ARRAY_FILTER_USE_KEY) : [];
    $acked = $numbers ? $session['acked'] : acked_for_sure($session);
    return [implode($nacks) . control('ack', $acked), !$numbers || max($numbers) <= $session['acked']];
}

function take_one(array &$session, array $block): void
{
    $number = ++$session['acked'];
    try {
        $answer = on_message($session, $block);
        if (($block['re'] ?? '') === 'answer') {
            $content = $answer === null ? ['type' => 'none', 'data' => ''] : ['type' => 'json', 'data' => json_encode($answer)];
            keep("rt.{$session['id']}", ['event' => 'rt.answer', 're' => "$number {$session['id']}", ...$content]);
        }
    } catch (Throwable $error) {
        $why = $error instanceof Refuse ? $error : new Refuse(500, 'the server failed');
        $session['refused'][$number] = control('nack', ['number' => $number, 'status' => $why->getCode(), 'message' => $why->getMessage()]);
        if ($why !== $error) {
            error_log((string) $error);
        }
    }
}

/** Below the refusals that are kept: the client may not have heard of them. */
function acked_for_sure(array $session): int
{
    return $session['refused'] ? min(array_keys($session['refused'])) - 1 : $session['acked'];
}

// ---- requests ------------------------------------------------------------------------------------------------------------

/** What is asked. */
final class Ask
{
    public readonly string $method;
    public readonly array $query;
    public readonly array $topics;
    public readonly string $via;
    public readonly string $cursor;
    public readonly string $origin;
    public readonly bool $listed;

    public function __construct()
    {
        $this->method = $_SERVER['REQUEST_METHOD'];
        // Not $_GET, which writes `rt.sid` as `rt_sid` and keeps the last of several topics.
        [$query, $topics] = [[], []];
        foreach (array_filter(explode('&', $_SERVER['QUERY_STRING'] ?? '')) as $pair) {
            [$name, $value] = array_map(urldecode(...), [...explode('=', $pair, 2), '']);
            $query[$name] ??= $value;
            if ($name === 'topic' && $value !== '' && !str_starts_with($value, 'rt.') && mb_check($value)) {
                $topics[] = $value;
            }
        }
        [$this->query, $this->topics] = [$query, array_values(array_unique($topics))];
        $this->via = $query['rt.via'] ?? '';
        $this->cursor = $_SERVER['HTTP_LAST_EVENT_ID'] ?? $query['rt.id'] ?? '';
        $page = parse_url($_SERVER['HTTP_REFERER'] ?? '');
        $port = isset($page['port']) ? ":{$page['port']}" : '';
        $this->origin = $_SERVER['HTTP_ORIGIN'] ?? (isset($page['host']) ? "{$page['scheme']}://{$page['host']}$port" : '');
        $this->listed = in_array($this->origin, array_filter(array_map(trim(...), explode(',', getenv('ORIGINS') ?: ''))), true);
    }

    /** Pages of this server's own origin may connect, and of those that are listed. Who asks from no page may, too. */
    public function check(): void
    {
        $site = $_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'none';
        $host = $_SERVER['HTTP_HOST'] ?? '';
        $page = preg_replace('~^https?://~', '', $this->origin);
        // Some configurations of nginx leave the port out of the host.
        $is_own = $page === '' || $page === $host || $page === "$host:{$_SERVER['SERVER_PORT']}";
        if ($site !== 'same-origin' && !$this->listed && !($is_own && $site === 'none')) {
            throw new Refuse(403, 'pages of ' . ($this->origin ?: 'an origin that is hidden') . ' may not connect here; name it in ORIGINS');
        }
        if (!in_array($this->query['rt.v'] ?? '1', ['1', '2'], true)) {
            throw new Refuse(400, 'rt.v is neither 1 nor 2');
        }
    }
}

function serve(Ask $ask): void
{
    header('Cache-Control: no-store, no-transform');
    header('X-Accel-Buffering: no');
    header('X-Content-Type-Options: nosniff');
    header('Vary: Origin');
    if ($ask->listed) {
        header("Access-Control-Allow-Origin: $ask->origin");
        header('Access-Control-Allow-Credentials: true');
        header('Access-Control-Expose-Headers: Retry-After');
    }
    try {
        $ask->check();
        match (true) {
            $ask->method === 'OPTIONS' => allow(),
            $ask->method === 'POST' && $ask->via === 'post' => take_post($ask),
            $ask->method === 'GET' && ($ask->via === 'long-polling' || in_array($ask->via, STREAMS, true)) => listen($ask),
            $ask->method === 'GET' || $ask->method === 'POST' => throw new Refuse(400, 'this transport is not offered'),
            default => throw new Refuse(405, "$ask->method is not for this address"),
        };
    } catch (Refuse $why) {
        refuse($ask, $why);
    }
}

function allow(): void
{
    http_response_code(204);
    header('Access-Control-Allow-Methods: GET, POST');
    header('Access-Control-Allow-Headers: content-type, last-event-id, authorization');
}

/** In the form that reaches the page: PROTOCOL.md has the table. */
function refuse(Ask $ask, Refuse $why): void
{
    if ($ask->via === 'eventsource' && $ask->method === 'GET') {
        header('Content-Type: text/event-stream; charset=utf-8');
        echo wrap(control('fail', ['status' => $why->getCode(), 'message' => $why->getMessage()]));
        return;
    }
    http_response_code($why->getCode());
    header('Content-Type: text/plain; charset=utf-8');
    echo $why->getMessage(), "\n";
}

function take_post(Ask $ask): void
{
    if (!preg_match('~^text/event-stream\s*(;|$)~i', $_SERVER['CONTENT_TYPE'] ?? '')) {
        throw new Refuse(415, 'the Content-Type of a POST is text/event-stream');
    }
    $session = find_session($ask) ?? throw new Refuse(404, 'the session is unknown');
    $body = (string) file_get_contents('php://input', length: LIMITS['batch'] + LIMITS['message']);
    $blocks = parse($body);
    if (strlen($body) > LIMITS[count($blocks) > 1 ? 'batch' : 'message'] || count($blocks) > LIMITS['messages']) {
        throw new Refuse(413, 'too much at once');
    }
    if (!$blocks) {
        throw new Refuse(400, 'the POST holds no whole block');
    }
    [$text, $in_order] = with_session($session['id'], function (array &$session) use ($blocks) {
        foreach ($blocks as $block) {
            if (($block['event'] ?? '') === 'rt.ping') {
                $said = substr($block['data'] ?? '', 0, 32);
                $session['say'] .= encode(['event' => 'rt.pong', 'data' => $said === '' ? '{}' : $said]);
            }
        }
        return take($session, $blocks);
    }) ?? throw new Refuse(404, 'the session is unknown');
    http_response_code($in_order ? 200 : 409);
    header('Content-Type: text/event-stream; charset=utf-8');
    echo $text;
    if (in_array('rt.bye', array_column($blocks, 'event'), true)) {
        unlink(session_file($session['id']));
    }
}

/** A stream, or a poll: says what is new until it has lasted long enough, or whoever listens is gone. */
function listen(Ask $ask): void
{
    set_time_limit(0);
    $is_poll = $ask->via === 'long-polling';
    $is_first = !$is_poll || ($ask->query['rt.n'] ?? '0') === '0';
    $session = find_session($ask);
    $is_new = $is_first || !$session;
    $session ??= new_session($ask);
    $log = read_log();
    [$entry, $reason] = find($log, $ask->cursor);
    $text = $is_new ? hello($ask, $session, $log, $reason) : '';
    if ($reason !== null) {
        $text .= control('gap', ['reason' => $reason, 'from' => $ask->cursor, 'to' => $entry[1]], ['id' => $entry[1]]);
    }
    $channel = bin2hex(random_bytes(8));
    $id = $session['id'];
    with_session($id, fn (array &$session) => $session['newest'] = $channel);
    register_shutdown_function(fn () => with_session($id, fn (array &$session) => $session['newest'] === $channel && $session['newest'] = ''));
    begin_answer();
    $end = after($is_poll && $is_first ? 0 : LASTS);
    [$tick, $beat, $probe] = [$is_poll || $ask->via === '' ? INF : after(0.4), after(HEARTBEAT), after(PROBE)];
    for ($size = -1; ; usleep(LOOK)) {
        clearstatcache();
        $now = filesize(state('log'));
        if ($now !== $size) {
            $text .= news($entry, [...$session['topics'], "rt.$id"]);
            $size = $now;
        }
        $said = with_session($id, function (array &$session) use ($channel) {
            [$said, $is_ours] = [$session['say'], in_array($session['newest'], [$channel, ''], true)];
            $session['say'] = $is_ours ? '' : $said;
            $session['seen'] = time();
            return $is_ours ? $said : '';
        });
        $text .= $said;
        if (is_past($tick)) {
            $text .= control('tick', (object) []);
            $tick = INF;
        }
        if (is_past($end) && !($is_poll && $text !== '')) {
            // The page comes again at once.
            $text .= $is_poll ? control('beat', ['spread' => 0]) : control('bye', (object) [], ['retry' => '0']);
        } elseif ($text === '' && is_past($beat) && !$is_poll) {
            $text = control('beat', ['spread' => 0]);
        }
        if ($text !== '') {
            tell($ask->via === 'eventsource' ? wrap($text) : $text);
            $beat = after(HEARTBEAT);
        } elseif (is_past($probe)) {
            tell(":\n\n"); // a comment; if nobody takes it the script ends here
            $probe = after(PROBE);
        }
        if ($said === null || is_past($end) || ($is_poll && $text !== '')) {
            return;
        }
        $text = '';
    }
}

/** The first block of a channel. */
function hello(Ask $ask, array $session, array $log, ?string $reason): string
{
    $is_id = preg_match('/^[\w.~-]{1,64}$/D', $ask->cursor);
    return control('open', [
        'session' => $session['id'], 'resumed' => $ask->cursor !== '' && $reason === null, 'acked' => acked_for_sure($session),
        'heartbeat' => HEARTBEAT * 1000, 'spread' => 0, 'limits' => LIMITS,
    ], ['retry' => '1000', 'id' => $is_id ? $ask->cursor : end($log)[1]]);
}

/** What was published in some topics behind an entry, which becomes the newest one. */
function news(array &$entry, array $topics): string
{
    $log = read_log();
    $text = '';
    if ($log[0][0] > $entry[0]) {
        $base = $log[0][1];
        $text = control('gap', ['reason' => 'trimmed', 'from' => $entry[1], 'to' => $base], ['id' => $base]);
    }
    foreach ($log as [$seq, , $topic, $block]) {
        $text .= $seq > $entry[0] && in_array($topic, $topics, true) ? $block : '';
    }
    $entry = end($log);
    return $text;
}

function wrap(string $text): string
{
    return encode(['data' => $text]);
}

/** Lets what is printed go out at once, whatever php.ini says. */
function begin_answer(): void
{
    header('Content-Type: text/event-stream; charset=utf-8');
    while (ob_get_level() > 0) {
        ob_end_flush();
    }
    flush();
}

function tell(string $text): void
{
    echo $text;
    flush();
}

function after(float $seconds): float
{
    return microtime(true) + $seconds;
}

function is_past(float $time): bool
{
    return microtime(true) >= $time;
}

serve(new Ask());
