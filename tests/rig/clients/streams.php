<?php
// One picture to the endpoint with PHP's streams. Arguments: base URL, then "file PATH" or "url URL".
[, $base, $kind, $value] = $argv;
$url = $base . "/my-pose/3?api_key=any" . ($kind === "url" ? "&image=" . urlencode($value) : "&name=YOUR_IMAGE.jpg");
$http = ["header" => "Content-type: application/x-www-form-urlencoded\r\n", "method" => "POST"];
if ($kind === "file") {
    $http["content"] = base64_encode(file_get_contents($value));
}
$answer = file_get_contents($url, false, stream_context_create(["http" => $http]));
if ($answer === false) {
    exit(1);
}
echo $answer;
