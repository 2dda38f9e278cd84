#!/usr/bin/perl

# rtprop_origin: which pages may connect.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(server => <<'END');
    rtprop_jwt_key jwt.key;

    location /default { rtprop native; }
    location /same { rtprop native; rtprop_origin same; }
    location /any { rtprop native; rtprop_origin any; }
    location /required { rtprop native; rtprop_origin any required; }

    location /list {
        rtprop native;
        rtprop_origin https://www.example.org *.example.net
                      ~^https://[a-z]+\.example\.com$ required;
    }

    location /both { rtprop native; rtprop_origin same https://b.example; }
END

my $self = 'http://127.0.0.1:' . $nginx->port;

my @cases = (
    ['/default', undef, 101], ['/default', $self, 101],
    ['/default', 'https://evil.example', 403], ['/default', 'null', 403],
    ['/default', "$self.evil.example", 403],
    ['/default', 'http://127.0.0.1:1', 403],

    ['/same', $self, 101], ['/same', 'https://evil.example', 403],
    ['/any', 'https://evil.example', 101], ['/any', undef, 101],
    ['/required', undef, 403], ['/required', 'https://evil.example', 101],

    ['/list', undef, 403], ['/list', $self, 403],
    ['/list', 'https://www.example.org', 101],
    ['/list', 'HTTPS://WWW.EXAMPLE.ORG', 101],
    ['/list', 'https://www.example.org:443', 101],
    ['/list', 'http://www.example.org', 403],
    ['/list', 'https://www.example.org:8443', 403],
    ['/list', 'https://a.example.net', 101],
    ['/list', 'https://a.b.example.net', 101],
    ['/list', 'https://example.net', 403],
    ['/list', 'https://evilexample.net', 403],
    ['/list', 'https://a.example.net.evil', 403],
    ['/list', 'https://abc.example.com', 101],
    ['/list', 'https://abc.example.com.evil', 403],
    ['/list', 'https://ab1.example.com', 403],

    ['/both', $self, 101], ['/both', 'https://b.example', 101],
    ['/both', 'https://c.example', 403],
);

for (@cases) {
    my ($path, $origin, $status) = @$_;
    my $name = "$path, " . ($origin // 'no origin');

    my $ws = client(path => $path, welcome => 0,
                    headers => [Origin => $origin]);
    is($ws->status, $status, $name);
    is($ws->body_json->{code}, 'not_authorized', "$name: code")
        if $status == 403;
    $ws->drop;
}

my $ws = client(path => '/any', welcome => 0,
                headers => [Origin => $self, Origin => $self]);
is($ws->status, 403, 'two Origin headers');

# the origin is judged before the token
$ws = client(path => '/same', welcome => 0, token => 'x',
             headers => [Origin => 'https://evil.example']);
is($ws->status, 403, 'bad origin and bad token');

done_testing();
