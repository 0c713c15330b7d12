<?php
// The test's own pages; everything else is where PHP's web server finds it.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!preg_match('~^/(dist|pages)/[\w/.-]+\.(html|js)$~', $path, $found) || str_contains($path, '..')) {
    return false;
}
[, $folder, $type] = $found;
header('Content-Type: ' . ($type === 'js' ? 'text/javascript' : 'text/html') . '; charset=utf-8');
readfile(dirname(__DIR__, 3) . ($folder === 'pages' ? '/e2e' : '') . $path);
