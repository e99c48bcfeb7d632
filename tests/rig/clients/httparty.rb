# One picture to the endpoint with httparty. Arguments: base URL, then "file PATH" or "url URL". Prints the answer.
require "base64"
require "cgi"
require "httparty"

base, kind, value = ARGV
headers = { "Content-Type" => "application/x-www-form-urlencoded", "charset" => "utf-8" }
url = "#{base}/my-pose/3?api_key=any"
response =
  if kind == "file"
    # encode64 breaks its lines every 60 characters, and they go over the wire as they are
    HTTParty.post("#{url}&name=YOUR_IMAGE.jpg", body: Base64.encode64(File.binread(value)), headers: headers)
  else
    HTTParty.post("#{url}&image=#{CGI.escape(value)}", headers: headers)
  end
abort(response.body) unless response.code == 200
puts response.body
