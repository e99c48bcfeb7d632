<?php
// One picture to the endpoint with PHP's curl. Arguments: base URL, then "file PATH" or "url URL". Prints the answer.
[, $base, $kind, $value] = $argv;
$url = $base . "/my-pose/3?api_key=any" . ($kind === "url" ? "&image=" . urlencode($value) : "");
$body = $kind === "file" ? base64_encode(file_get_contents($value)) : "";

$curl = curl_init($url);
curl_setopt_array($curl, [
    CURLOPT_POST => true,
    CURLOPT_POSTFIELDS => $body,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => ["Content-Type: application/x-www-form-urlencoded"],
]);
$answer = curl_exec($curl);
if (curl_getinfo($curl, CURLINFO_RESPONSE_CODE) !== 200) {
    fwrite(STDERR, curl_error($curl) . $answer);
    exit(1);
}
echo $answer;
