<?php
// Both under one address, for a line that listens and sends.
require __DIR__ . ($_SERVER['REQUEST_METHOD'] === 'POST' ? '/messages.php' : '/status.php');
