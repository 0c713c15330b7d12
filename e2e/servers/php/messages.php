<?php
// Takes a message for somebody, who may be away: {"to": "bob", "text": "hello"}
require_once __DIR__ . '/mailbox.php';

$message = json_decode(file_get_contents('php://input'), true);
put(mailbox($message['to'] ?? ''), $message);
http_response_code(204);
