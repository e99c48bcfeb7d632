# One picture to the endpoint with Ruby's own library. Arguments: base URL, then "file PATH" or "url URL".
require "base64"
require "net/http"
require "uri"

base, kind, value = ARGV
uri = URI("#{base}/my-pose/3")
query = { api_key: "any" }
query[:image] = value if kind == "url"
uri.query = URI.encode_www_form(query)
request = Net::HTTP::Post.new(uri)
if kind == "file"
  request["Content-Type"] = "application/x-www-form-urlencoded"
  request.body = Base64.encode64(File.binread(value))
end
response = Net::HTTP.start(uri.host, uri.port) { |http| http.request(request) }
abort(response.body) unless response.code == "200"
puts response.body
