#!/usr/bin/perl

# The native envelope: what is refused and how, ids, keys in either case.

use strict;
use warnings;

use JSON::PP;
use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(server => <<'END');
    rtprop_jwt_key jwt.key;
    rtprop_rate other off;

    location /ws { rtprop native; rtprop_errors 1000/1m; }
    location /small { rtprop native; rtprop_max_message 1k; }
    location /api/ { rtprop api; rtprop_api_key api.key; }
    location /camel { rtprop native; rtprop_field_case camel; }
    location /both { rtprop native; rtprop_field_case both; }

    location /tight {
        rtprop native;
        rtprop_field_case camel;
        rtprop_rate other 1r/m burst=1;
    }
END

my $json = JSON::PP->new->canonical;
my $ws = client(user => 'ann', name => 'Ann');


sub error_of {
    my ($name, $text, $code, %more) = @_;

    $ws->clear;
    $ws->send_text($text);
    my $event = $ws->wait_for('error') || {};

    is($event->{payload}{code}, $code, "$name: $code");
    ok(length($event->{payload}{message} // ''), "$name: message");
    is_deeply($event->{id}, $more{id}, "$name: id");
    is($event->{payload}{event}, $more{event}, "$name: event");
    is($event->{payload}{field}, $more{field}, "$name: field");
}


subtest 'refused envelopes' => sub {
    error_of('empty', '', 'invalid_json');
    error_of('no JSON', 'hello', 'invalid_json');
    error_of('cut', '{"type":"ping"', 'invalid_json');
    error_of('two', '{"type":"ping"}{"type":"ping"}', 'invalid_json');
    error_of('duplicate key', '{"type":"ping","type":"ping"}', 'invalid_json');
    error_of('too deep', '{"type":"ping","payload":' . '[' x 16 . ']' x 16
                         . '}', 'invalid_json');
    error_of('array', '[{"type":"ping"}]', 'invalid_envelope');
    error_of('string', '"ping"', 'invalid_envelope');
    error_of('no type', '{"id":"a"}', 'invalid_envelope', id => 'a');
    error_of('type null', '{"type":null,"id":1}', 'invalid_envelope', id => 1);
    error_of('empty type', '{"type":""}', 'invalid_envelope');
    error_of('long type', '{"type":"' . 'x' x 65 . '"}', 'invalid_envelope');
    error_of('payload true', '{"type":"ping","payload":true}',
             'invalid_envelope');
    error_of('id is an array', '{"type":"ping","id":[]}', 'invalid_envelope');
    error_of('long id', '{"type":"ping","id":"' . 'x' x 129 . '"}',
             'invalid_envelope');
    error_of('unknown type', '{"type":"chat:nothing","id":"q"}',
             'unknown_type', id => 'q', event => 'chat:nothing');
    error_of('type in capitals', '{"type":"PING"}', 'unknown_type',
             event => 'PING');
    error_of('type with quotes', '{"type":"a\"b\u00e9"}', 'unknown_type',
             event => "a\"b\x{e9}");
    error_of('bad field', '{"type":"auth:refresh","payload":{"token":5},'
             . '"id":7}', 'invalid_payload', id => 7,
             event => 'auth:refresh', field => 'token');
    error_of('payload is an array', '{"type":"auth:refresh","payload":[1]}',
             'invalid_payload', event => 'auth:refresh');
};

subtest 'ids come back as they were' => sub {
    for ('"a"', '1', '-5', '9007199254740993', '""', '"a\"b\\\\c"', '"é"',
         '"' . 'x' x 128 . '"')
    {
        my $id = $_;
        $ws->send_text("{\"type\":\"ping\",\"id\":$id}");

        my $message = $ws->recv_message;
        like($message->{payload}, qr/^\{"type":"pong","id":\Q$id\E,"payload":/,
             'id ' . substr $id, 0, 20);
    }

    $ws->send_text('{"type":"ping","id":null}');
    unlike($ws->recv_message->{payload}, qr/"id"/, 'null is none');
};

subtest 'ping' => sub {
    for my $text ('{"type":"ping"}', '{"type":"ping","payload":null}',
                  '{"type":"ping","payload":{"more":1},"else":[]}')
    {
        $ws->send_text($text);
        my $pong = $ws->wait_for('pong');
        like($pong->{payload}{server_time}, qr/^\d{4}-.*\.\d{3}Z$/, $text);
    }
};

subtest 'batch' => sub {
    $ws->clear;
    $ws->send_json('batch', [
        { type => 'ping', id => 1 }, { type => 'nothing', id => 2 },
        { type => 'ping', payload => {}, id => 'x' }, 5,
        { type => 'batch', payload => [], id => 3 }, { id => 4 },
        { type => 'ping' },
    ], 'all');

    my @got = map { $ws->recv_json } 1 .. 8;
    is_deeply([map { [$_->{type}, $_->{id}, $_->{payload}{code}] } @got], [
        ['pong', 1, undef], ['error', 2, 'unknown_type'],
        ['pong', 'x', undef], ['error', undef, 'invalid_envelope'],
        ['error', 3, 'invalid_envelope'], ['error', 4, 'invalid_envelope'],
        ['pong', undef, undef], ['ack', 'all', undef],
    ], 'each is answered, in order');

    error_of('batch of an object', '{"type":"batch","payload":{},"id":1}',
             'invalid_payload', id => 1, event => 'batch');
    error_of('too many', JSON::PP::encode_json({ type => 'batch', payload =>
             [map { { type => 'ping' } } 1 .. 51] }), 'invalid_payload',
             event => 'batch');
};

subtest 'frames that end the connection' => sub {
    my $binary = client(user => 'b');
    $binary->send_binary('{"type":"ping"}');
    is(($binary->wait_close)[0], 1003, 'binary: 1003');

    my $big = client(user => 'b', path => '/small');
    $big->send_text('{"type":"ping","x":"' . 'x' x 2000 . '"}');
    is(($big->wait_close)[0], 1009, 'too big: 1009');

    my $bad = client(user => 'b');
    $bad->send_text("{\"type\":\"\xff\"}");
    is(($bad->wait_close)[0], 1007, 'no UTF-8: 1007');

    my $bye = client(user => 'b');
    is(($bye->close(1000))[0], 1000, 'closed by the client');
};

subtest 'keys' => sub {
    my $camel = client(user => 'c', path => '/camel', welcome => 0);
    my $w = $camel->wait_for('welcome')->{payload};
    is_deeply([sort keys %$w], [qw(channels pingInterval resume serverTime
                                   sessionId user)], 'camel');
    is_deeply([keys %{$w->{channels}}], ['user:c'], 'names stay');

    my $both = client(user => 'c', path => '/both', welcome => 0);
    $w = $both->wait_for('welcome')->{payload};
    is($w->{session_id}, $w->{sessionId}, 'both: session_id');
    is($w->{server_time}, $w->{serverTime}, 'both: server_time');

    my $tight = client(user => 'c', path => '/tight', welcome => 0);
    $tight->wait_for('welcome');
    $tight->send_json('ping') for 1 .. 2;
    is_deeply([keys %{$tight->wait_for('pong')->{payload}}], ['serverTime'],
              'pong');
    my $error = $tight->wait_for('error')->{payload};
    ok($error->{retryAfterMs}, 'retryAfterMs');
    ok(!exists $error->{retry_after_ms}, 'and not the other');
};

subtest 'events of a channel' => sub {
    my %on = map { $_ => client(user => 'd', path => "/$_") }
             qw(ws camel both);
    $on{$_}->clear for keys %on;

    my $post = sub {
        my $res = api(POST => '/api/publish', {
            channel => 'user:d', payload => {
                server_time => 'x', my_key => 1, data => { server_time => 2 },
            }, @_ });
        is($res->{status}, 200, 'published') or diag($res->{body});
        return $res->{json};
    };

    # the keys of a declared type
    my $type = 'auction:announcement';
    my $place = $post->(type => $type);
    my $event = $on{ws}->wait_for($type);
    is_deeply($event, { type => $type, channel => 'user:d',
                        offset => $place->{offset}, payload => {
        server_time => 'x', my_key => 1, data => { server_time => 2 } } },
        'snake: channel, offset, no epoch, no id');

    is_deeply($on{camel}->wait_for($type)->{payload},
              { serverTime => 'x', my_key => 1, data => { server_time => 2 } },
              'camel: the keys of this type, not below data');
    is_deeply($on{both}->wait_for($type)->{payload},
              { serverTime => 'x', server_time => 'x', my_key => 1,
                data => { server_time => 2 } }, 'both');

    $post->(type => 'x:y', volatile => true);
    $event = $on{ws}->wait_for('x:y');
    is_deeply([sort keys %$event], ['payload', 'type'],
              'volatile: neither channel nor offset');
    is($on{camel}->wait_for('x:y')->{payload}{server_time}, 'x',
       'keys of an unknown type stay');
};

done_testing();
