#!/usr/bin/perl

# Chat on the platform's own tables, by rtprop_query.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;
$pg->sql(<<'END');
CREATE SCHEMA app;
CREATE TABLE app.member (room text, person text, label text,
    PRIMARY KEY (room, person));
CREATE TABLE app.post (seq bigint, room text, id bigint PRIMARY KEY,
    author text, label text, body text, files json, ref text,
    at timestamptz);
CREATE UNIQUE INDEX ON app.post (room, seq);
INSERT INTO app.member VALUES ('r1', 'ann', 'Ann A.'), ('r1', 'ben', null);
END

sub query { join "\n", map { "rtprop_query $_->[0] \"$_->[1]\";" } @_ }

my $conf = 'rtprop_postgres "' . $pg->conninfo . "\";\n" . query(
    [chat_message_add => q{
        WITH old AS (SELECT * FROM app.post
                     WHERE room = $1 AND (author, ref) = ($3, $8)),
        new AS (INSERT INTO app.post
                SELECT rtprop.next_position('conversation:' || $1), $1, $2,
                    $3, $4, $6, $7, $8, $9
                WHERE NOT EXISTS (SELECT FROM old)
                RETURNING *)
        SELECT seq AS position, id, at AS created_at,
            false AS known FROM new
        UNION ALL
        SELECT seq, id, at, NOT $10 FROM old}],
    [chat_history => q{
        SELECT seq AS position, id, author AS sender_id,
            label AS sender_name, $$http://a.example/me.png$$ AS sender_avatar,
            body AS content, files AS attachments, ref AS client_message_id,
            at AS created_at
        FROM app.post
        WHERE room = $1 AND seq > $2 AND seq <= $3
          AND ($4 = 0 OR id < $4)
        ORDER BY CASE WHEN $6 THEN -seq ELSE seq END LIMIT $5}],
    [conversation_get => q{
        SELECT 1::bigint AS version, json_build_object('format', 1,
            'property_id', null, 'title', 'room', 'participants',
            json_agg(json_build_object('id', person, 'name', label,
                'avatar', null, 'role', null) ORDER BY person))::text AS value,
            now() AS at
        FROM app.member WHERE room = $1 HAVING count(*) > 0}]);
$conf =~ s/\$\$/'/g;

my $nginx = rtprop_nginx(workers => 2, prefix => $conf,
    location => 'rtprop_rate message off; rtprop_rate other off;');

my $ann = client(user => 'ann', name => 'Ann A.');
my $joined = joins($ann, 'r1');
is_deeply([map { $_->{name} } @{$joined->{payload}{participants}}],
          ['Ann A.', 'ben'], 'participants are the platform\'s');
error_is(client(user => 'eve'), 'chat:join', 'r1', 'not_authorized',
         'who is none');
error_is($ann, 'chat:join', 'r2', 'not_found', 'no such room');

ok(says($ann, 'r1', "m$_", client_message_id => "k$_"), "message $_")
    for 1 .. 5;
is($pg->sql('SELECT room, author, label, body, ref FROM app.post '
            . 'WHERE seq = 2'), 'r1|ann|Ann A.|m2|k2',
   'messages are in the platform\'s table');
is($pg->sql('SELECT count(*) FROM rtprop.message'), 0, 'and not in ours');

my $id = $pg->sql('SELECT id FROM app.post WHERE seq = 3');
my $ack = asks($ann, 'chat:send_message', { conversation_id => 'r1',
    content => 'm3', client_message_id => 'k3' });
is($ack->{payload}{message_id}, $id, 'one sent again is known');

$nginx->stop;
$nginx->start;

my $ben = client(user => 'ben');
$joined = joins($ben, 'r1');
is($joined->{payload}{unread_count}, 5, 'unread ones are counted there');
is_deeply([map { $ben->wait_for('chat:new_message')->{payload}{content} }
           1 .. 5], [map { "m$_" } 1 .. 5], 'and read there');

my $page = asks($ben, 'chat:history', { conversation_id => 'r1', limit => 2,
                                        before => $id })->{payload};
is_deeply([map { "$_->{content} $_->{sender}{avatar}" } @{$page->{messages}}],
          ['m1 http://a.example/me.png', 'm2 http://a.example/me.png'],
          'page by page');

$ben->send_json('resume', { channels => { 'conversation:r1' =>
    { epoch => $joined->{epoch}, offset => 3 } } });
ok($ben->wait_for('resumed'), 'resumed');

# a query that does not fit is said, and only those who need it suffer

my $bad = rtprop_nginx(workers => 1, prefix => 'rtprop_postgres "'
    . $pg->conninfo . "\";\nrtprop_query auction_get \"SELECT 1 AS one\";\n");
$bad->allow(qr/auction_get/);
ok($bad->wait_until(sub {
    http()->get('/health')->{json}{store}{status} =~ /auction_get/ }),
   'health names the query');
is(api(GET => '/api/auctions/a1')->{status}, 503, 'auctions are unavailable');
is(api(GET => '/api/properties/p1')->{status}, 404, 'properties are not');

done_testing();
